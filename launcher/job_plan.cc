#include "launcher/job_plan.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "core/base/text_file.h"
#include "core/comm/topology.h"
#include "launcher/allocation.h"
#include "launcher/host_lookup.h"
#include "launcher/mpirun_command.h"
#include "launcher/parallel_commands.h"
#include "launcher/preflight.h"
#include "launcher/program_lookup.h"
#include "launcher/slot_limits.h"
#include "launcher/srun_command.h"
#include "launcher/stop_signal.h"

namespace ronde {
namespace {

constexpr double kVersionDeadlineS = 10;
constexpr double kPreflightDeadlineS = 30;
constexpr int kDefaultColumns = 80;

int TerminalColumns() {
  if (isatty(STDOUT_FILENO) == 0) return 0;
  winsize size = {};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kDefaultColumns;
}

// Asking hwloc takes some milliseconds, the kernel none: "0" for a single NUMA node.
bool HasOneNumaNode() {
  const Result<std::string> online = ReadTextFile("/sys/devices/system/node/online");
  return online.ok() && online.value().find_first_of(",-") == std::string::npos;
}

// With InfiniBand, UCX knows better than a name of an IP interface what to use.
bool HasInfiniband() {
  std::error_code error;
  return std::filesystem::directory_iterator("/sys/class/infiniband", error) !=
         std::filesystem::directory_iterator();
}

class Planner {
 public:
  explicit Planner(const LaunchOptions& options)
      : options_(options), variables_(EnvironmentWithPrefix("")), path_(EnvironmentValue("PATH")) {}

  Result<JobPlan> Plan() {
    launch_.runs_as_root = geteuid() == 0;
    launch_.ssh_port = options_.ssh_port;
    launch_.ssh_identity_file = options_.ssh_identity_file;
    RONDE_RETURN_IF_ERROR(FindPrograms());
    RONDE_RETURN_IF_ERROR(FindHosts());
    RONDE_RETURN_IF_ERROR(FindLauncher());
    PlanGuard();
    PlanBinding();
    RONDE_RETURN_IF_ERROR(CheckHosts());
    launch_.environment = PlanRankEnvironment(
        options_.settings, {variables_, RankVariables(), TerminalColumns(), job_.reports_start});
    job_.command = BuildCommand();
    job_.launch = std::move(launch_);
    return std::move(job_);
  }

 private:
  Status FindPrograms() {
    launch_.program = options_.program;
    RONDE_ASSIGN_OR_RETURN(launch_.program.front(),
                           FindProgram(options_.program.front(), OwnFolder(), path_));
    RONDE_ASSIGN_OR_RETURN(const std::string guard, FindProgram("ronde-rank", OwnFolder(), path_));
    launch_.guard = {guard};
    return Status::Ok();
  }

  Status FindHosts() {
    RONDE_ASSIGN_OR_RETURN(allocation_, FindAllocation(variables_, &ReadTextFile));
    RONDE_ASSIGN_OR_RETURN(HostPlan plan, ChooseHosts(options_.hosts, options_.hosts_given_by,
                                                      allocation_, OwnHostName()));
    if (!plan.note.empty()) job_.notes.push_back(plan.note);
    launch_.hosts_are_allocation = plan.from_allocation;
    launch_.rank_count = options_.rank_count;
    if (launch_.rank_count == 0 && plan.from_allocation) {
      launch_.rank_count = TotalSlots(plan.hosts);
    }
    if (launch_.rank_count == 0) {
      return Status::InvalidArgument("say how many ranks to start: -np N");
    }
    NoteOversubscription(plan.hosts);
    RONDE_ASSIGN_OR_RETURN(launch_.hosts, FitSlots(std::move(plan.hosts), launch_.rank_count));
    launch_.oversubscribes =
        launch_.rank_count > (launch_.hosts.empty() ? LocalCoreCount() : TotalSlots(launch_.hosts));
    return Status::Ok();
  }

  void NoteOversubscription(const std::vector<HostSlots>& hosts) {
    const int slots = hosts.empty() ? LocalCoreCount() : TotalSlots(hosts);
    if (launch_.rank_count <= slots) return;
    job_.notes.push_back(StrCat(launch_.rank_count, " ranks on ", slots,
                                hosts.empty() ? " core" : " slot", slots == 1 ? "" : "s"));
  }

  Status FindLauncher() {
    const bool in_slurm = allocation_.system == BatchSystem::kSlurm;
    launch_.launcher =
        options_.mpi_home.empty() ? "mpirun" : StrCat(options_.mpi_home, "/bin/mpirun");
    const bool has_mpirun = FindProgram(launch_.launcher, OwnFolder(), path_).ok();
    const bool has_srun = FindProgram("srun", OwnFolder(), path_).ok();
    RONDE_ASSIGN_OR_RETURN(const LauncherChoice choice,
                           ChooseLauncher(options_.launcher, in_slurm, has_mpirun, has_srun));
    job_.uses_srun = choice == LauncherChoice::kSrun;
    if (!job_.uses_srun) return FindVersion();
    launch_.launcher = "srun";
    return Status::Ok();
  }

  Status FindVersion() {
    const std::vector<std::vector<std::string>> ask = {{launch_.launcher, "--version"}};
    const CommandOutput answer = RunInParallel(ask, kVersionDeadlineS).front();
    if (answer.timed_out) {
      return Status::Unavailable(StrCat(launch_.launcher, " --version has not answered within ",
                                        kVersionDeadlineS, " s; try it, or see --mpi-home"));
    }
    const Result<MpirunVersion> version = ParseMpirunVersion(answer.output);
    if (!version.ok()) {
      return Status::Unavailable(
          StrCat(launch_.launcher, " cannot be used: ", version.status().message()));
    }
    version_ = version.value();
    const bool prrte = version_ == MpirunVersion::kOpenMpi5;
    remote_shell_ = EnvironmentValue(prrte ? "PRTE_MCA_plm_ssh_agent" : "OMPI_MCA_plm_rsh_agent");
    launch_.remote_shell_arguments =
        EnvironmentValue(prrte ? "PRTE_MCA_plm_ssh_args" : "OMPI_MCA_plm_rsh_args");
    return Status::Ok();
  }

  void PlanGuard() {
    std::vector<std::string>& guard = launch_.guard;
    // Hosts that are not reached can then be named, whatever the launcher says, and a start that
    // hangs is noticed.
    job_.reports_start = options_.start_timeout_s > 0 || NeedsPreflight(launch_.hosts, &IsOwnHost);
    if (job_.reports_start) guard.emplace_back("--report-start");
    if (job_.uses_srun) {
      guard.insert(guard.end(), {"--stop-signal", std::to_string(kSrunStopSignal)});
    }
    if (!options_.output_directory.empty()) {
      guard.insert(guard.end(), {"--output-directory", options_.output_directory});
    }
    if (options_.tag_output) guard.emplace_back("--tag-output");
  }

  void PlanBinding() {
    const int ranks_per_host = RanksPerHost(launch_.hosts, launch_.rank_count);
    const bool asks = options_.binding == BindingChoice::kAuto && !HasOneNumaNode();
    launch_.binding =
        ChooseBinding(options_.binding, ranks_per_host, asks ? DetectTopology() : Topology());
  }

  Status CheckHosts() {
    const std::string& setting = options_.settings.GetText(Setting::kNetworkInterface);
    const bool is_given = setting != "auto";
    if (!options_.dry_run) RONDE_RETURN_IF_ERROR(CheckHostsResolve(launch_.hosts));
    if (!NeedsPreflight(launch_.hosts, &IsOwnHost)) return Status::Ok();
    launch_.runs_here = std::any_of(launch_.hosts.begin(), launch_.hosts.end(),
                                    [](const HostSlots& entry) { return IsOwnHost(entry.host); });
    if (options_.dry_run || options_.no_preflight) {
      if (is_given) launch_.network_interface = setting;
      return Status::Ok();
    }
    RONDE_ASSIGN_OR_RETURN(const PreflightFindings findings, RunPreflight(Preflight(setting)));
    // Who has told Open MPI himself has chosen.
    if (is_given || EnvironmentValue("OMPI_MCA_btl_tcp_if_include").empty()) {
      launch_.network_interface = findings.network.value;
    }
    if (!is_given && !HasInfiniband()) found_interface_ = findings.network.value;
    job_.notes.insert(job_.notes.end(), findings.warnings.begin(), findings.warnings.end());
    if (options_.verbose && !findings.network.reason.empty()) {
      job_.notes.push_back(StrCat("network: ", findings.network.reason));
    }
    return Status::Ok();
  }

  PreflightRequest Preflight(const std::string& network_interface) const {
    PreflightRequest request;
    request.hosts = launch_.hosts;
    request.rank_count = launch_.rank_count;
    request.is_own_host = &IsOwnHost;
    request.shell = PlanRemoteShell({.agent = remote_shell_,
                                     .agent_options = launch_.remote_shell_arguments,
                                     .ssh_port = options_.ssh_port,
                                     .ssh_identity_file = options_.ssh_identity_file,
                                     .batch_system = allocation_.system,
                                     .search_path = path_});
    request.ronderun = OwnFolder() + "/ronderun";
    if (!job_.uses_srun) request.mpirun = launch_.launcher;
    request.program = std::filesystem::absolute(launch_.program.front()).string();
    request.network_interface = network_interface;
    request.deadline_s = options_.start_timeout_s > 0
                             ? std::min(options_.start_timeout_s, kPreflightDeadlineS)
                             : kPreflightDeadlineS;
    return request;
  }

  // What the user gives comes last, so that it wins.
  const std::vector<std::string>& RankVariables() {
    const std::string interface = std::string(SpecOf(Setting::kNetworkInterface).environment);
    if (!found_interface_.empty()) {
      rank_variables_.push_back(StrCat(interface, "=", found_interface_));
    }
    rank_variables_.insert(rank_variables_.end(), options_.environment.begin(),
                           options_.environment.end());
    return rank_variables_;
  }

  std::vector<std::string> BuildCommand() const {
    return job_.uses_srun ? BuildSrunCommand(launch_) : BuildMpirunCommand(launch_, version_);
  }

  const LaunchOptions& options_;
  const std::vector<std::string> variables_;
  const std::string path_;
  std::vector<std::string> rank_variables_;
  std::string found_interface_;
  std::string remote_shell_;  // the user's own choice for mpirun; empty: ssh
  MpirunVersion version_ = MpirunVersion::kOpenMpi4;
  Allocation allocation_;
  LaunchPlan launch_;
  JobPlan job_;
};

}  // namespace

Result<LauncherChoice> ChooseLauncher(LauncherChoice choice, bool in_slurm, bool has_mpirun,
                                      bool has_srun) {
  if (choice == LauncherChoice::kAuto) {
    const bool only_srun = !has_mpirun && in_slurm && has_srun;
    choice = only_srun ? LauncherChoice::kSrun : LauncherChoice::kMpirun;
  }
  if (choice == LauncherChoice::kMpirun && !has_mpirun) {
    return Status::Unavailable(
        "mpirun is not in PATH; install Open MPI (Debian package openmpi-bin), correct PATH, or "
        "say --mpi-home DIR");
  }
  if (choice == LauncherChoice::kSrun && !in_slurm) {
    return Status::Unavailable(
        "--launcher srun needs a Slurm job around it; get one with salloc or sbatch first");
  }
  if (choice == LauncherChoice::kSrun && !has_srun) {
    return Status::Unavailable("srun is not in PATH; correct PATH, or say --launcher mpirun");
  }
  return choice;
}

int RanksPerHost(const std::vector<HostSlots>& hosts, int rank_count) {
  if (hosts.empty()) return rank_count;
  for (const HostSlots& entry : hosts) {
    if (entry.slots != hosts.front().slots) return 0;
  }
  return TotalSlots(hosts) == rank_count ? hosts.front().slots : 0;
}

Result<JobPlan> PlanJob(const LaunchOptions& options) { return Planner(options).Plan(); }

}  // namespace ronde
