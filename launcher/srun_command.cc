#include "launcher/srun_command.h"

#include <string_view>

#include "core/base/strcat.h"

namespace ronde {
namespace {

std::string_view BindingName(Binding binding) {
  switch (binding) {
    case Binding::kNone:
      return "none";
    case Binding::kCore:
      return "cores";
    case Binding::kNuma:
      return "ldoms";
  }
  return "none";
}

// srun's way to say how many ranks a host gets, where that is not its own share: one name a rank.
std::string NodeOfEachRank(const LaunchPlan& plan) {
  std::string names;
  for (int rank = 0; rank < plan.rank_count; ++rank) {
    std::string host = HostOfRank(plan.hosts, rank);
    // Ranks beyond the slots go round all hosts.
    if (host.empty()) host = plan.hosts[static_cast<std::size_t>(rank) % plan.hosts.size()].host;
    names += StrCat(names.empty() ? "" : ",", host);
  }
  return names;
}

}  // namespace

std::vector<std::string> BuildSrunCommand(const LaunchPlan& plan) {
  std::vector<std::string> words = {"env"};
  const auto add = [&words](const auto&... text) { words.push_back(StrCat(text...)); };
  for (const std::string& assignment : plan.environment.assignments) add(assignment);
  if (!plan.network_interface.empty()) {
    add("OMPI_MCA_btl_tcp_if_include=", plan.network_interface);
  }
  add(plan.launcher);
  add("--mpi=pmix");
  add("--ntasks=", plan.rank_count);
  if (plan.hosts.empty() || plan.hosts_are_allocation) {
    add("--distribution=block");
  } else {
    add("--distribution=arbitrary");
    add("--nodelist=", NodeOfEachRank(plan));
  }
  if (plan.oversubscribes) add("--overcommit");
  add("--cpu-bind=", BindingName(plan.binding));
  add("--export=ALL");
  add("--kill-on-bad-exit=1");
  words.insert(words.end(), plan.guard.begin(), plan.guard.end());
  words.insert(words.end(), plan.program.begin(), plan.program.end());
  return words;
}

}  // namespace ronde
