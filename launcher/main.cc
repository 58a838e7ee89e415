// ronderun: starts a program as N ranks. It reads and checks options, composes one command line of
// mpirun, runs it, and ends with the exit code and the one-line cause of the first failing rank.

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/config_environment.h"
#include "core/base/program.h"
#include "core/base/strcat.h"
#include "launcher/host_lookup.h"
#include "launcher/mpirun_command.h"
#include "launcher/options.h"
#include "launcher/process.h"
#include "launcher/program_lookup.h"

namespace ronde {
namespace {

constexpr char kProgramName[] = "ronderun";
constexpr int kDefaultColumns = 80;

// Messages start at the left edge even where a live progress line stands there.
void Say(const std::string& message) {
  const char* clear_line = isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";
  std::fprintf(stderr, "%s%s: %s\n", clear_line, kProgramName, message.c_str());
}

int TerminalColumns() {
  if (isatty(STDOUT_FILENO) == 0) return 0;
  winsize size = {};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kDefaultColumns;
}

// A batch system's own slots are known to mpirun, not to ronderun.
bool InsideAllocation() {
  for (const char* name : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"}) {
    if (!EnvironmentValue(name).empty()) return true;
  }
  return false;
}

bool Oversubscribes(const LaunchOptions& options) {
  const bool local = options.hosts.empty();
  if (local && InsideAllocation()) return false;
  const int slots = local ? LocalCoreCount() : TotalSlots(options.hosts);
  if (options.rank_count <= slots) return false;
  const char* unit = local ? "core" : "slot";
  std::fprintf(stderr, "%s: note: %d ranks on %d %s%s\n", kProgramName, options.rank_count, slots,
               unit, slots == 1 ? "" : "s");
  return true;
}

Result<MpirunJob> PlanJob(const LaunchOptions& options) {
  const std::string path = EnvironmentValue("PATH");
  MpirunJob job;
  job.program = options.program;
  RONDE_ASSIGN_OR_RETURN(job.program.front(),
                         FindProgram(options.program.front(), OwnFolder(), path));
  RONDE_ASSIGN_OR_RETURN(job.guard, FindProgram("ronde-rank", OwnFolder(), path));
  RONDE_RETURN_IF_ERROR(CheckHostsResolve(options.hosts));
  if (!FindProgram(job.mpirun, OwnFolder(), path).ok()) {
    return Status::Unavailable(
        "mpirun is not in PATH; install Open MPI (Debian package openmpi-bin) or correct PATH");
  }
  job.rank_count = options.rank_count;
  job.hosts = options.hosts;
  job.runs_as_root = geteuid() == 0;
  job.environment =
      PlanRankEnvironment(EnvironmentWithPrefix(""), options.settings, TerminalColumns());
  job.oversubscribes = Oversubscribes(options);
  return job;
}

int Launch(const LaunchOptions& options) {
  const Result<MpirunJob> job = PlanJob(options);
  if (!job.ok()) return ReportBadInput(kProgramName, job.status());
  const std::vector<std::string> command = BuildMpirunCommand(job.value());
  if (options.dry_run || options.verbose) {
    std::fprintf(options.dry_run ? stdout : stderr, "%s\n", ShellQuote(command).c_str());
  }
  if (options.dry_run) return 0;

  const auto mode = options.verbose ? BannerFilter::Mode::kKeep : BannerFilter::Mode::kQuiet;
  const Result<JobResult> result =
      RunJob(command, BannerFilter(mode), {.timeout_s = options.stop_timeout_s, .say = Say});
  if (!result.ok()) return ReportBadInput(kProgramName, result.status());
  const JobOutcome outcome =
      SummarizeJob(result.value().end, result.value().failures, result.value().causes);
  if (!outcome.message.empty()) Say(outcome.message);
  return outcome.exit_code;
}

int Main(int argc, char** argv) {
  const Result<Config> environment = Config::FromEnvironment();
  if (!environment.ok()) return ReportBadInput(kProgramName, environment.status());
  const LaunchCommandLine command_line =
      ParseLaunchCommandLine({argv, argv + argc}, environment.value());
  if (command_line.exit_code) return *command_line.exit_code;
  return Launch(command_line.options);
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) { return ronde::Main(argc, argv); }
