#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ronde {

/// The machine that a process runs on, as plain data. 0 means unknown.
struct Topology {
  std::string host_name;
  std::string cpu_model;
  int packages = 0;  ///< sockets
  int numa_nodes = 0;
  int cores = 0;
  int processing_units = 0;   ///< hardware threads
  std::int64_t l2_bytes = 0;  ///< of one core
  std::int64_t l3_bytes = 0;  ///< of one package's first L3
  std::int64_t memory_bytes = 0;
  std::vector<int> allowed_cpus;  ///< hardware threads that this process may run on, ascending
  int available_cores = 0;        ///< see AvailableCores
  /// By hardware thread: its package, counted from 0; -1 for numbers that do not exist. Empty:
  /// unknown.
  std::vector<int> package_of_cpu;

  friend bool operator==(const Topology&, const Topology&) = default;
};

/// Asks hwloc. Never fails: what cannot be found out stays 0.
[[nodiscard]] Topology DetectTopology();

/// The package that holds all CPUs that the process may use, or -1: none does, or it is unknown.
[[nodiscard]] int BoundPackage(const Topology& topology);

/// What tells machines with different speeds apart, to file measurements by:
/// "AMD EPYC, 1 package, 2 cores, 2 threads, L3 32 MiB".
[[nodiscard]] std::string MachineKey(const Topology& topology);

/// "host a: 1 package, 1 NUMA node, 2 cores, 4 threads; L2 2 MiB, L3 32 MiB, memory 15.6 GiB;
/// this process may use 2 of them (0-1)".
[[nodiscard]] std::string Describe(const Topology& topology);

/// How many threads of this process can run at once: its affinity mask, further limited by the
/// cgroup's CPU quota (rounded up). At least 1.
[[nodiscard]] int AvailableCores();

/// The third-level cache that this process's first CPU shares; 0 where the kernel does not say.
/// Unlike DetectTopology() it costs next to nothing.
[[nodiscard]] std::int64_t LastLevelCacheBytes();

/// The hardware threads in this process's affinity mask, ascending.
[[nodiscard]] std::vector<int> AllowedCpus();

}  // namespace ronde
