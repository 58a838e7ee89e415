#include "core/comm/topology.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/base/control_group.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// cpu.max of one cgroup: quota / period, or nothing when it is "max".
std::optional<double> QuotaIn(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || period <= 0) return std::nullopt;
  return quota / period;
}

// The least quota on the path from this process's cgroup (version 2) to the root.
std::optional<double> CpuQuota() {
  std::ifstream file(kOwnControlGroups);
  const std::string groups(std::istreambuf_iterator<char>(file), {});
  std::optional<double> least;
  for (const std::string& folder : ControlGroupFolders(groups, "", kControlGroupMount)) {
    const std::optional<double> quota = QuotaIn(folder);
    if (quota && (!least || *quota < *least)) least = quota;
  }
  return least;
}

std::string Size(std::int64_t bytes) {
  std::array<char, 32> text = {};
  const double value = static_cast<double>(bytes);
  if (value >= kGiB) {
    std::snprintf(text.data(), text.size(), "%.1f GiB", value / kGiB);
  } else if (value >= kGiB / 1024) {
    std::snprintf(text.data(), text.size(), "%.3g MiB", value / (kGiB / 1024));
  } else {
    std::snprintf(text.data(), text.size(), "%.3g KiB", value / 1024);
  }
  return bytes == 0 ? "unknown" : text.data();
}

std::string Counted(int count, const char* noun) {
  return StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string Ranges(const std::vector<int>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += StrCat(text.empty() ? "" : ",", numbers[i]);
    if (last > i) text += StrCat("-", numbers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  // The kernel refuses a mask that is smaller than its own; machines with > 1024 threads exist.
  for (int limit = CPU_SETSIZE; limit <= 64 * CPU_SETSIZE; limit *= 4) {
    cpu_set_t* set = CPU_ALLOC(limit);
    const std::size_t size_bytes = CPU_ALLOC_SIZE(limit);
    if (sched_getaffinity(0, size_bytes, set) == 0) {
      for (int cpu = 0; cpu < limit; ++cpu) {
        if (CPU_ISSET_S(cpu, size_bytes, set)) cpus.push_back(cpu);
      }
    }
    CPU_FREE(set);
    if (!cpus.empty()) break;
  }
  return cpus;
}

int AvailableCores() {
  int cores = std::max(1, static_cast<int>(AllowedCpus().size()));
  if (const std::optional<double> quota = CpuQuota()) {
    cores = std::min(cores, std::max(1, static_cast<int>(std::ceil(*quota))));
  }
  return cores;
}

std::int64_t LastLevelCacheBytes() {
  const std::vector<int> cpus = AllowedCpus();
  if (cpus.empty()) return 0;
  std::ifstream file(StrCat("/sys/devices/system/cpu/cpu", cpus.front(), "/cache/index3/size"));
  std::int64_t kibibytes = 0;
  char unit = 0;  // the kernel writes "32768K"
  return file >> kibibytes >> unit && unit == 'K' ? kibibytes * 1024 : 0;
}

int BoundPackage(const Topology& topology) {
  int bound = -1;
  for (const int cpu : topology.allowed_cpus) {
    const auto index = static_cast<std::size_t>(cpu);
    if (index >= topology.package_of_cpu.size()) return -1;
    const int package = topology.package_of_cpu[index];
    if (package < 0 || (bound >= 0 && package != bound)) return -1;
    bound = package;
  }
  return bound;
}

std::string MachineKey(const Topology& topology) {
  return StrCat(topology.cpu_model.empty() ? "unknown CPU" : topology.cpu_model, ", ",
                Counted(topology.packages, "package"), ", ", Counted(topology.cores, "core"), ", ",
                Counted(topology.processing_units, "thread"), ", L3 ", Size(topology.l3_bytes));
}

std::string Describe(const Topology& topology) {
  return StrCat("host ", topology.host_name, ": ", Counted(topology.packages, "package"), ", ",
                Counted(topology.numa_nodes, "NUMA node"), ", ", Counted(topology.cores, "core"),
                ", ", Counted(topology.processing_units, "thread"), "; L2 ",
                Size(topology.l2_bytes), ", L3 ", Size(topology.l3_bytes), ", memory ",
                Size(topology.memory_bytes), "; this process may use ", topology.available_cores,
                " at once (CPUs ", Ranges(topology.allowed_cpus), ")");
}

}  // namespace ronde
