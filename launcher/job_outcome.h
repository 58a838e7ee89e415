#pragma once

#include <span>
#include <string>

#include "core/base/failure_cause.h"
#include "launcher/rank_failure.h"

namespace ronde {

/// How mpirun itself ended.
struct JobEnd {
  int exit_code = 0;
  int signal = 0;              ///< that killed mpirun; 0 if it exited
  int interrupted_signal = 0;  ///< that the user sent to ronderun; 0 if none
  std::string not_started;     ///< what is missing in a job that has not started; else empty

  friend bool operator==(const JobEnd&, const JobEnd&) = default;
};

/// What ronderun ends with.
struct JobOutcome {
  int exit_code = 0;
  std::string message;  ///< one line without prefix; empty where there is nothing to add
};

/// The first failing rank's exit code, and the job's cause in one line: what a rank has told before
/// any of them ended (`causes`), else how that rank ended, with what a rank that saw it was doing.
/// A rank that exits with code 2 has said its own line about bad input, so nothing is added.
[[nodiscard]] JobOutcome SummarizeJob(const JobEnd& end, std::span<const RankFailure> failures,
                                      std::span<const FailureCause> causes = {});

}  // namespace ronde
