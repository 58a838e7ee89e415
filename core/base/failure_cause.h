#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.h"

namespace ronde {

/// Why a job has failed, as the rank tells it that has found out first.
struct FailureCause {
  enum class Kind {
    kFailure,  ///< it has ended the job
    kHint,     ///< it has not, but may be why a rank ends badly soon
  };

  Kind kind = Kind::kFailure;
  int rank = 0;              ///< that tells it
  std::int64_t time_ns = 0;  ///< since the epoch
  std::string text;          ///< one line: "rank 1 (host a): disk full; while rank 1 ..."

  friend bool operator==(const FailureCause&, const FailureCause&) = default;
};

/// What joins a message and what its rank was doing at that moment: tensors and phase.
inline constexpr std::string_view kSceneMark = "; while ";

/// `cause` with the scene, "rank 0 negotiated 'w'", behind it; as it is where it has one already.
[[nodiscard]] Status WithScene(const Status& cause, std::string_view scene);
/// "'w'", or "'w' and 160 more": the first of `count` names.
[[nodiscard]] std::string NamesText(std::string_view first, std::size_t count);

/// What starts every record in a byte stream: a control character that no text contains.
inline constexpr std::string_view kCauseRecordMark = "\x1eronde-cause ";

/// One line for ronderun, with mark and newline.
[[nodiscard]] std::string FormatCauseRecord(const FailureCause& cause);
/// The reverse, from a line without its newline; nothing where the line is not a record.
[[nodiscard]] std::optional<FailureCause> ParseCauseRecord(std::string_view line);

/// Tells the user, once per job where ronderun has started it: as a record, from which it makes the
/// one line about the job's end. Elsewhere as a line of the log (a hint is none). `message` may
/// begin with "rank N:" of this rank; the line says the host as well. Thread-safe.
void TellCause(FailureCause::Kind kind, int rank, const std::string& host,
               const std::string& message);

}  // namespace ronde
