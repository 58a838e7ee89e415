#include <algorithm>
#include <memory>

#include <hwloc.h>

#include "core/comm/host_identity.h"
#include "core/comm/topology.h"

namespace ronde {
namespace {

using TopologyHandle =
    std::unique_ptr<hwloc_topology,
                    decltype([](hwloc_topology_t t) { hwloc_topology_destroy(t); })>;

TopologyHandle Load() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  TopologyHandle topology(raw);
  if (hwloc_topology_load(raw) != 0) return nullptr;
  return topology;
}

std::int64_t CacheBytes(hwloc_topology_t topology, hwloc_obj_type_t level) {
  const hwloc_obj_t cache = hwloc_get_obj_by_type(topology, level, 0);
  return cache == nullptr ? 0 : static_cast<std::int64_t>(cache->attr->cache.size);
}

std::string CpuModel(hwloc_topology_t topology) {
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_MACHINE}) {
    const hwloc_obj_t object = hwloc_get_obj_by_type(topology, type, 0);
    const char* name = object == nullptr ? nullptr : hwloc_obj_get_info_by_name(object, "CPUModel");
    if (name != nullptr) return name;
  }
  return "";
}

std::vector<int> PackageOfCpu(hwloc_topology_t topology) {
  std::vector<int> packages;
  for (int package = 0; package < hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE);
       ++package) {
    const hwloc_obj_t object =
        hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, static_cast<unsigned>(package));
    for (int cpu = hwloc_bitmap_first(object->cpuset); cpu >= 0;
         cpu = hwloc_bitmap_next(object->cpuset, cpu)) {
      const auto index = static_cast<std::size_t>(cpu);
      if (packages.size() <= index) packages.resize(index + 1, -1);
      packages[index] = package;
    }
  }
  return packages;
}

// What no affinity mask changes.
Topology DetectMachine() {
  Topology result;
  result.host_name = HostName();
  const TopologyHandle topology = Load();
  if (!topology) return result;
  const auto count = [&](hwloc_obj_type_t type) {
    return std::max(0, hwloc_get_nbobjs_by_type(topology.get(), type));
  };
  result.packages = count(HWLOC_OBJ_PACKAGE);
  result.numa_nodes = count(HWLOC_OBJ_NUMANODE);
  result.cores = count(HWLOC_OBJ_CORE);
  result.processing_units = count(HWLOC_OBJ_PU);
  result.l2_bytes = CacheBytes(topology.get(), HWLOC_OBJ_L2CACHE);
  result.l3_bytes = CacheBytes(topology.get(), HWLOC_OBJ_L3CACHE);
  result.memory_bytes = static_cast<std::int64_t>(hwloc_get_root_obj(topology.get())->total_memory);
  result.cpu_model = CpuModel(topology.get());
  result.package_of_cpu = PackageOfCpu(topology.get());
  return result;
}

}  // namespace

Topology DetectTopology() {
  static const Topology machine = DetectMachine();  // asking hwloc takes milliseconds
  Topology result = machine;
  result.allowed_cpus = AllowedCpus();
  result.available_cores = AvailableCores();
  return result;
}

}  // namespace ronde
