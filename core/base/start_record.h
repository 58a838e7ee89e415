#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ronde {

/// How far a rank has come at a job's start; told to ronderun where it asks for that.
struct StartRecord {
  enum class Kind {
    kStarted,  ///< its guard has started the program
    kMeeting,  ///< the program begins to initialise Ronde, which waits for all other ranks
    kReady,    ///< it has met them all
  };

  Kind kind = Kind::kStarted;
  int rank = 0;
  std::string host;  ///< as the rank's machine calls itself; empty where it is not said

  friend bool operator==(const StartRecord&, const StartRecord&) = default;
};

/// What starts every record in a byte stream: a control character that no text contains.
inline constexpr std::string_view kStartRecordMark = "\x1eronde-start ";

/// The value of RONDE_LAUNCHED with which ronderun asks ranks to tell how far they have come.
inline constexpr std::string_view kAwaitsStart = "awaits-start";

/// One line for ronderun, with mark and newline.
[[nodiscard]] std::string FormatStartRecord(const StartRecord& record);
/// The reverse, from a line without its newline; nothing where the line is not a record.
[[nodiscard]] std::optional<StartRecord> ParseStartRecord(std::string_view line);

/// Tells ronderun, where it asks for that, how far this rank has come. Thread-safe.
void TellStart(StartRecord::Kind kind);

}  // namespace ronde
