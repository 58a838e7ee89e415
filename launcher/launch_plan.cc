#include "launcher/launch_plan.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/base/start_record.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::array<std::string_view, 3> kInheritedNames = {"LD_LIBRARY_PATH", "PATH",
                                                             "PYTHONPATH"};
constexpr std::array<std::string_view, 3> kInheritedPrefixes = {"OMP_", "RONDE_", "UCX_"};
constexpr std::string_view kPlainCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";

bool IsInherited(std::string_view name) {
  return std::any_of(kInheritedPrefixes.begin(), kInheritedPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); }) ||
         std::find(kInheritedNames.begin(), kInheritedNames.end(), name) != kInheritedNames.end();
}

std::string NameOf(const std::string& variable) { return variable.substr(0, variable.find('=')); }

// Collects variables by name; the first who speaks of one is heard.
class EnvironmentBuilder {
 public:
  bool Has(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }

  void Assign(const std::string& assignment) {
    if (Claim(NameOf(assignment))) plan_.assignments.push_back(assignment);
  }

  void Inherit(const std::string& name) {
    if (Claim(name)) plan_.inherited.push_back(name);
  }

  RankEnvironment Take() { return std::move(plan_); }

 private:
  bool Claim(const std::string& name) {
    if (Has(name)) return false;
    names_.push_back(name);
    return true;
  }

  RankEnvironment plan_;
  std::vector<std::string> names_;
};

std::string Quote(const std::string& argument) {
  if (!argument.empty() && argument.find_first_not_of(kPlainCharacters) == std::string::npos) {
    return argument;
  }
  std::string quoted = "'";
  for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

RankEnvironment PlanRankEnvironment(const Config& settings, const RankEnvironmentRequest& request) {
  EnvironmentBuilder builder;
  builder.Assign(StrCat("RONDE_LAUNCHED=", request.awaits_start ? kAwaitsStart : "1"));
  for (auto given = request.given.rbegin(); given != request.given.rend(); ++given) {
    if (given->find('=') != std::string::npos) {
      builder.Assign(*given);
    } else {
      builder.Inherit(*given);
    }
  }
  for (const SettingSpec& spec : Settings()) {
    if (settings.GetOrigin(spec.id) != SettingOrigin::kFlag) continue;
    builder.Assign(StrCat(spec.environment, "=", settings.GetText(spec.id)));
  }
  for (const std::string& variable : request.variables) {
    if (IsInherited(NameOf(variable))) builder.Inherit(NameOf(variable));
  }
  builder.Assign("OMP_WAIT_POLICY=passive");
  builder.Assign(request.terminal_columns > 0 ? StrCat("COLUMNS=", request.terminal_columns)
                                              : "TERM=dumb");
  return builder.Take();
}

std::string ShellQuote(std::span<const std::string> arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    line += Quote(argument);
  }
  return line;
}

std::string HostOfRank(const std::vector<HostSlots>& hosts, int rank) {
  for (const HostSlots& entry : hosts) {
    if (rank < entry.slots) return entry.host;
    rank -= entry.slots;
  }
  return "";
}

}  // namespace ronde
