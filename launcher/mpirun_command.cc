#include "launcher/mpirun_command.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/strcat.h"
#include "launcher/stop_signal.h"

namespace ronde {
namespace {

constexpr std::array<std::string_view, 3> kInheritedNames = {"LD_LIBRARY_PATH", "PATH",
                                                             "PYTHONPATH"};
constexpr std::string_view kPlainCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool IsInherited(std::string_view name) {
  return StartsWith(name, "RONDE_") || StartsWith(name, "OMP_") ||
         std::find(kInheritedNames.begin(), kInheritedNames.end(), name) != kInheritedNames.end();
}

std::string Quote(const std::string& argument) {
  if (!argument.empty() && argument.find_first_not_of(kPlainCharacters) == std::string::npos) {
    return argument;
  }
  std::string quoted = "'";
  for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

RankEnvironment PlanRankEnvironment(std::span<const std::string> variables, const Config& settings,
                                    int terminal_columns) {
  RankEnvironment plan;
  plan.assignments.emplace_back("RONDE_LAUNCHED=1");
  std::vector<std::string> set_here = {"RONDE_LAUNCHED"};
  for (const SettingSpec& spec : Settings()) {
    if (settings.GetOrigin(spec.id) != SettingOrigin::kFlag) continue;
    plan.assignments.push_back(StrCat(spec.environment, "=", settings.GetText(spec.id)));
    set_here.emplace_back(spec.environment);
  }
  bool has_wait_policy = false;
  for (const std::string& variable : variables) {
    const std::string name = variable.substr(0, variable.find('='));
    if (std::find(set_here.begin(), set_here.end(), name) != set_here.end()) continue;
    if (IsInherited(name)) plan.inherited.push_back(name);
    has_wait_policy |= name == "OMP_WAIT_POLICY";
  }
  if (!has_wait_policy) plan.assignments.emplace_back("OMP_WAIT_POLICY=passive");
  plan.assignments.push_back(terminal_columns > 0 ? StrCat("COLUMNS=", terminal_columns)
                                                  : "TERM=dumb");
  return plan;
}

std::vector<std::string> BuildMpirunCommand(const MpirunJob& job) {
  std::vector<std::string> command = {job.mpirun};
  const auto add = [&command](auto... words) { (command.emplace_back(words), ...); };
  if (job.runs_as_root) add("--allow-run-as-root");
  // mpirun binds each of two ranks to one core, which would put a rank's engine thread and its
  // compute threads on the same core.
  add("--bind-to", "none", "--map-by", "slot");
  add("--mca", "ess_base_forward_signals", std::string(kStopSignalName));
  if (job.oversubscribes) add("--oversubscribe");
  add("-np", std::to_string(job.rank_count));
  if (!job.hosts.empty()) add("-H", FormatHostList(job.hosts));
  for (const std::string& name : job.environment.inherited) add("-x", name);
  for (const std::string& assignment : job.environment.assignments) add("-x", assignment);
  if (!job.guard.empty()) add(job.guard);
  command.insert(command.end(), job.program.begin(), job.program.end());
  return command;
}

std::string ShellQuote(std::span<const std::string> arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    line += Quote(argument);
  }
  return line;
}

}  // namespace ronde
