#include "core/base/config_environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace ronde {
namespace {

struct RankVariables {
  const char* rank;
  const char* size;
};

// In order of trust: inside a Slurm allocation SLURM_PROCID also exists for a bare program, so it
// counts only together with PMI's or PMIx's own variables, which come first.
constexpr std::array<RankVariables, 3> kVariables = {{
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"PMI_RANK", "PMI_SIZE"},
    {"PMIX_RANK", "SLURM_NTASKS"},
}};

}  // namespace

LaunchEnvironment ReadLaunchEnvironment() {
  for (const RankVariables& names : kVariables) {
    const std::string rank = EnvironmentValue(names.rank);
    if (rank.empty()) continue;
    const std::string size = EnvironmentValue(names.size);
    return {true, std::atoi(rank.c_str()), size.empty() ? 1 : std::atoi(size.c_str())};
  }
  return {};
}

std::vector<std::string> EnvironmentWithPrefix(std::string_view prefix) {
  std::vector<std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.substr(0, prefix.size()) == prefix) found.emplace_back(text);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string EnvironmentValue(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

}  // namespace ronde
