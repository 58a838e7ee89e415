#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/banner_filter.h"
#include "launcher/job_outcome.h"

namespace ronde {

/// What became of a job.
struct JobResult {
  JobEnd end;
  std::vector<RankFailure> failures;
};

/// Runs `command` (looked up in PATH) to its end. stdin and stdout are the caller's own, so a live
/// progress line costs nothing; stderr passes through `filter`.
/// SIGINT, SIGTERM and SIGHUP end the job cleanly; a second one, or 10 s without an end, kills it.
/// If the caller dies, the job ends too. One job at a time, from the main thread.
/// Errors: kUnavailable if the command cannot be started.
[[nodiscard]] Result<JobResult> RunJob(const std::vector<std::string>& command,
                                       BannerFilter filter);

}  // namespace ronde
