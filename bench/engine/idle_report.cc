#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "bench/engine/idle_benchmark.h"
#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

double Most(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

std::string IdleHeading(const IdleOptions& options, int ranks) {
  char names[256];
  std::snprintf(names, sizeof(names), "# %-46s %10s %12s %12s", "situation", "cpu % max",
                "switches/s", "of rank");
  return StrCat("# ronde-bench ", VersionString(), " idle, ", ranks,
                ranks == 1 ? " rank, " : " ranks, ", options.seconds,
                " s each after a burst of work; processor time of a rank's process as a share of "
                "one core, context switches of the rank that has most\n",
                names);
}

std::string IdleLine(const IdleRow& row) {
  const auto most = std::max_element(row.cpu_percent.begin(), row.cpu_percent.end());
  char text[256];
  std::snprintf(text, sizeof(text), "  %-46s %10.3f %12.1f %12td", row.situation.c_str(),
                Most(row.cpu_percent), Most(row.switches_per_s),
                std::distance(row.cpu_percent.begin(), most));
  return text;
}

std::string IdleJson(const IdleRow& row) {
  const nlohmann::ordered_json json = {{"benchmark", "idle"},
                                       {"situation", row.situation},
                                       {"ranks", row.cpu_percent.size()},
                                       {"seconds", row.seconds},
                                       {"cpu_percent_max", Most(row.cpu_percent)},
                                       {"switches_per_s_max", Most(row.switches_per_s)},
                                       {"cpu_percent", row.cpu_percent},
                                       {"switches_per_s", row.switches_per_s}};
  return json.dump();
}

}  // namespace ronde::bench
