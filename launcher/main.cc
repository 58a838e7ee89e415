// ronderun: starts a program as N ranks. It reads and checks options, composes one command line of
// mpirun or srun, runs it, and ends with the exit code and the one-line cause of the first failing
// rank.

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "core/base/build_report.h"
#include "core/base/config.h"
#include "core/base/program.h"
#include "core/base/strcat.h"
#include "launcher/host_report.h"
#include "launcher/job_plan.h"
#include "launcher/options.h"
#include "launcher/process.h"

namespace ronde {
namespace {

constexpr char kProgramName[] = "ronderun";

// Messages start at the left edge even where a live progress line stands there.
void Say(const std::string& message) {
  const char* clear_line = isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";
  std::fprintf(stderr, "%s%s: %s\n", clear_line, kProgramName, message.c_str());
}

StopOptions Stop(const LaunchOptions& options, const JobPlan& job) {
  StopOptions stop;
  stop.timeout_s = options.stop_timeout_s;
  if (job.uses_srun) stop.signal = kSrunStopSignal;
  stop.needs_launcher = job.uses_srun;
  stop.say = Say;
  return stop;
}

int Launch(const LaunchOptions& options) {
  const Result<JobPlan> planned = PlanJob(options);
  if (!planned.ok()) return ReportBadInput(kProgramName, planned.status());
  const JobPlan& job = planned.value();
  for (const std::string& note : job.notes) Say(StrCat("note: ", note));
  if (options.dry_run || options.verbose) {
    std::fprintf(options.dry_run ? stdout : stderr, "%s\n", ShellQuote(job.command).c_str());
  }
  if (options.dry_run) return 0;

  const auto mode = options.verbose ? BannerFilter::Mode::kKeep : BannerFilter::Mode::kQuiet;
  const Result<JobResult> result =
      RunJob(job.command, BannerFilter(mode), Stop(options, job),
             {.timeout_s = options.start_timeout_s,
              .meeting_timeout_s = options.settings.GetReal(Setting::kTimeoutS),
              .reports = job.reports_start,
              .rank_count = job.launch.rank_count,
              .hosts = job.launch.hosts});
  if (!result.ok()) return ReportBadInput(kProgramName, result.status());
  const JobOutcome outcome =
      SummarizeJob(result.value().end, result.value().failures, result.value().causes);
  if (!outcome.message.empty()) Say(outcome.message);
  return outcome.exit_code;
}

int Main(const std::vector<std::string>& arguments) {
  if (const std::optional<int> code = RunHostReportCommand(arguments)) return *code;
  const Result<Config> environment = Config::FromEnvironment();
  if (!environment.ok()) return ReportBadInput(kProgramName, environment.status());
  const LaunchCommandLine command_line = ParseLaunchCommandLine(arguments, environment.value());
  if (command_line.exit_code) return *command_line.exit_code;
  if (command_line.options.check_build) {
    std::fputs(FormatBuildReport(VersionString(), DescribeBuild(BuildFeatures())).c_str(), stdout);
    return 0;
  }
  return Launch(command_line.options);
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) { return ronde::Main({argv, argv + argc}); }
