#include "launcher/mpirun_command.h"

#include <charconv>
#include <utility>

#include "core/base/strcat.h"
#include "launcher/stop_signal.h"

namespace ronde {
namespace {

// An argument vector in the making.
class Words {
 public:
  explicit Words(std::string first) : words_{std::move(first)} {}

  template <typename... Word>
  void Add(const Word&... words) {
    (words_.emplace_back(words), ...);
  }
  void AddAll(const std::vector<std::string>& words) {
    words_.insert(words_.end(), words.begin(), words.end());
  }
  std::vector<std::string> Take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

// A rank that is bound to one core has its engine thread and its compute threads on that core, so
// none is the default (mpirun's own is one core each for two ranks).
void AddPlaces(const LaunchPlan& plan, MpirunVersion version, Words* words) {
  std::string bind = "none";
  std::string map = "slot";
  if (plan.binding == Binding::kCore) bind = map = "core";
  if (plan.binding == Binding::kNuma) bind = map = "numa";
  if (plan.oversubscribes && plan.binding != Binding::kNone) bind += ":overload-allowed";
  if (plan.oversubscribes && version == MpirunVersion::kOpenMpi5) map += ":OVERSUBSCRIBE";
  words->Add("--bind-to", bind, "--map-by", map);
  if (plan.oversubscribes && version == MpirunVersion::kOpenMpi4) words->Add("--oversubscribe");
}

std::string SshArguments(const LaunchPlan& plan) {
  std::string words = plan.remote_shell_arguments;
  const auto add = [&words](const auto&... text) {
    words += StrCat(words.empty() ? "" : " ", text...);
  };
  if (plan.ssh_port != 0) add("-p ", plan.ssh_port);
  if (!plan.ssh_identity_file.empty()) add("-i ", plan.ssh_identity_file);
  return words;
}

void AddRunTime(const LaunchPlan& plan, MpirunVersion version, Words* words) {
  const bool prrte = version == MpirunVersion::kOpenMpi5;
  const char* const run_time_flag = prrte ? "--prtemca" : "--mca";
  if (prrte) {
    words->Add("--forward-signals", kStopSignalName);
  } else {
    words->Add("--mca", "ess_base_forward_signals", kStopSignalName);
  }
  if (!plan.network_interface.empty()) {
    words->Add("--mca", "btl_tcp_if_include", plan.network_interface);
    // A login node need not have the interfaces of the hosts; mpirun has to be reached there.
    if (plan.runs_here) {
      words->Add(run_time_flag, prrte ? "prte_if_include" : "oob_tcp_if_include",
                 plan.network_interface);
    }
  }
  if (plan.ssh_port != 0 || !plan.ssh_identity_file.empty()) {
    words->Add(run_time_flag, prrte ? "plm_ssh_args" : "plm_rsh_args", SshArguments(plan));
  }
}

}  // namespace

Result<MpirunVersion> ParseMpirunVersion(std::string_view text) {
  constexpr std::string_view kMark = "(Open MPI) ";
  const std::string line(text.substr(0, text.find('\n')));
  const std::size_t mark = line.find(kMark);
  if (mark == std::string::npos) {
    return Status::Unavailable(
        StrCat("its --version says '", line, "'; expected Open MPI 4 or 5, see --mpi-home"));
  }
  const char* const begin = line.data() + mark + kMark.size();
  int major = 0;
  std::from_chars(begin, line.data() + line.size(), major);
  if (major < 4) {
    return Status::Unavailable(
        StrCat("it is Open MPI ", begin, "; expected Open MPI 4 or 5, see --mpi-home"));
  }
  return major == 4 ? MpirunVersion::kOpenMpi4 : MpirunVersion::kOpenMpi5;
}

std::vector<std::string> BuildMpirunCommand(const LaunchPlan& plan, MpirunVersion version) {
  Words words(plan.launcher);
  if (plan.runs_as_root) words.Add("--allow-run-as-root");
  AddPlaces(plan, version, &words);
  AddRunTime(plan, version, &words);
  words.Add("-np", std::to_string(plan.rank_count));
  if (!plan.hosts.empty()) words.Add("-H", FormatHostList(plan.hosts));
  for (const std::string& name : plan.environment.inherited) words.Add("-x", name);
  for (const std::string& assignment : plan.environment.assignments) words.Add("-x", assignment);
  words.AddAll(plan.guard);
  words.AddAll(plan.program);
  return words.Take();
}

}  // namespace ronde
