#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ronde {

/// How one rank ended when it did not end well.
struct RankFailure {
  enum class Kind {
    kExit,        ///< `code` is its exit code
    kSignal,      ///< `code` is the signal that killed it
    kStart,       ///< it could not be started; `code` is the errno
    kAbort,       ///< it called MPI_Abort with `code`
    kNoFinalize,  ///< it called MPI_Init and ended without MPI_Finalize
    kOutput,      ///< its output files cannot be opened; `code` is the errno
  };

  Kind kind = Kind::kExit;
  int rank = 0;
  std::string host;  ///< empty where it is not known
  int code = 0;
  std::int64_t time_ns = 0;     ///< since the epoch; the earliest failure is the cause
  bool said_by_mpirun = false;  ///< read from one of its help texts, so known late

  friend bool operator==(const RankFailure&, const RankFailure&) = default;
};

/// What starts every record in a byte stream: a control character that no text contains.
inline constexpr std::string_view kFailureRecordMark = "\x1eronde-rank ";

/// One line for the launcher, with mark and newline: written by the rank's guard to stderr, where
/// mpirun and srun carry it home.
[[nodiscard]] std::string FormatFailureRecord(const RankFailure& failure);

/// The reverse, from a line without its newline; nothing where the line is not a record.
[[nodiscard]] std::optional<RankFailure> ParseFailureRecord(std::string_view line);

}  // namespace ronde
