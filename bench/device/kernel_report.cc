#include "bench/device/kernel_report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[320];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

std::string Goal(const KernelRow& row) {
  std::string goal;
  if (row.goal_percent > 0) goal = Format(">=%.0f%%", row.goal_percent);
  if (row.most_launches > 0) goal += Format(" <=%d", row.most_launches);
  return goal;
}

}  // namespace

std::string KernelHeading(const KernelOptions& options, const std::string& device_name) {
  const bool simulated = options.device == DeviceChoice::kSimulated;
  return StrCat(
      "# ronde-bench-kernels ", VersionString(), ", ", device_name,
      simulated ? ": a simulated device; times and shares mean nothing, only #wrong does" : "",
      "; medians of ", options.rounds, " rounds\n",
      Format("# %-10s %-44s %9s %12s %8s %10s %10s %9s %6s %9s %6s", "kernel", "variant", "type",
             "moved (B)", "launches", "time (us)", "bound (us)", "GB/s", "%", "goal", "#wrong"));
}

std::string KernelLine(const KernelRow& row) {
  const std::string wrong = row.checked ? StrCat(row.wrong) : "N/A";
  return Format("  %-10s %-44s %9s %12lld %8d %10.2f %10.2f %9.1f %6.1f %9s %6s",
                row.kernel.c_str(), row.variant.c_str(), std::string(Name(row.dtype)).c_str(),
                static_cast<long long>(row.bytes_moved), row.launches, row.time_us, row.bound_us,
                row.rate_gbs(), row.percent(), Goal(row).c_str(), wrong.c_str());
}

std::string KernelJson(const KernelOptions& options, const std::string& device_name,
                       const KernelRow& row) {
  nlohmann::ordered_json json = {
      {"benchmark", "kernels"},
      {"device", Name(options.device)},
      {"device_name", device_name},
      {"kernel", row.kernel},
      {"variant", row.variant},
      {"dtype", Name(row.dtype)},
      {"bytes_moved", row.bytes_moved},
      {"launches", row.launches},
      {"time_us", row.time_us},
      {"bound_us", row.bound_us},
      {"bound_percent", row.percent()},
      {"gbs", row.rate_gbs()},
      {"goal_percent", row.goal_percent > 0 ? nlohmann::ordered_json(row.goal_percent) : nullptr},
      {"most_launches",
       row.most_launches > 0 ? nlohmann::ordered_json(row.most_launches) : nullptr},
      {"wrong", row.checked ? nlohmann::ordered_json(row.wrong) : nullptr}};
  return json.dump();
}

}  // namespace ronde::bench
