#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/failure_cause.h"
#include "core/base/status.h"
#include "launcher/banner_filter.h"
#include "launcher/job_outcome.h"
#include "launcher/start_watch.h"
#include "launcher/stop_signal.h"

namespace ronde {

/// What became of a job.
struct JobResult {
  JobEnd end;
  std::vector<RankFailure> failures;
  std::vector<FailureCause> causes;
};

/// What happens when the user ends a job.
struct StopOptions {
  double timeout_s = 30;        ///< how long ranks may take to save and end; 0: end them at once
  int signal = kStopSignal;     ///< what the launcher forwards to the guards
  bool needs_launcher = false;  ///< ranks outlive a launcher that is killed (srun's do)
  std::function<void(const std::string&)> say;  ///< gets one line for the user at a time
};

/// Runs `command` (looked up in PATH) to its end. stdin and stdout are the caller's own, so a live
/// progress line costs nothing; stderr passes through `filter`.
/// On SIGINT, SIGTERM or SIGHUP the ranks get SIGTERM and the time that `stop` gives them; then
/// the launcher ends those that are left. A second signal kills the job at once.
/// A job that has not started in the time that `start` gives it is ended.
/// If the caller dies, the job ends too. One job at a time, from the main thread.
/// Errors: kUnavailable if the command cannot be started.
[[nodiscard]] Result<JobResult> RunJob(const std::vector<std::string>& command, BannerFilter filter,
                                       StopOptions stop, StartOptions start = {});

}  // namespace ronde
