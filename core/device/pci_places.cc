#include "core/device/pci_places.h"

#include <memory>

#include <hwloc.h>

namespace ronde {
namespace {

using TopologyHandle =
    std::unique_ptr<hwloc_topology,
                    decltype([](hwloc_topology_t t) { hwloc_topology_destroy(t); })>;

TopologyHandle Load(const std::string& machine_xml) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  TopologyHandle topology(raw);
  if (!machine_xml.empty() && hwloc_topology_set_xml(raw, machine_xml.c_str()) != 0) return nullptr;
  // All, or the bridges between devices would be missing.
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_ALL);
  if (hwloc_topology_load(raw) != 0) return nullptr;
  return topology;
}

bool IsHostBridge(hwloc_obj_t object) {
  return object->type == HWLOC_OBJ_BRIDGE &&
         object->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_HOST;
}

// Bridges between a device and `above`, without it.
int BridgesBelow(hwloc_obj_t object, hwloc_obj_t above) {
  int count = 0;
  for (object = object->parent; object != above; object = object->parent) {
    count += object->type == HWLOC_OBJ_BRIDGE;
  }
  return count;
}

int NumaNodeOf(hwloc_topology_t topology, hwloc_obj_t device) {
  const hwloc_obj_t place = hwloc_get_non_io_ancestor_obj(topology, device);
  // A device on no one node is placed at the whole machine.
  if (place == nullptr || hwloc_bitmap_weight(place->nodeset) != 1) return -1;
  return hwloc_bitmap_first(place->nodeset);
}

// hwloc's own function is for objects that have a depth, which those of I/O do not.
hwloc_obj_t CommonAncestor(hwloc_obj_t a, hwloc_obj_t b) {
  for (; a != nullptr; a = a->parent) {
    for (hwloc_obj_t above = b; above != nullptr; above = above->parent) {
      if (above == a) return a;
    }
  }
  return nullptr;
}

PcieDistance DistanceBetween(hwloc_topology_t topology, hwloc_obj_t a, hwloc_obj_t b) {
  const hwloc_obj_t common = CommonAncestor(a, b);
  if (common == nullptr) return PcieDistance::kUnknown;
  if (IsHostBridge(common)) return PcieDistance::kPhb;
  if (common->type == HWLOC_OBJ_BRIDGE) {
    // Below one switch: its own ports are a bridge each.
    return BridgesBelow(a, common) + BridgesBelow(b, common) <= 2 ? PcieDistance::kPix
                                                                  : PcieDistance::kPxb;
  }
  const int node = NumaNodeOf(topology, a);
  if (node >= 0 && node == NumaNodeOf(topology, b)) return PcieDistance::kNode;
  return PcieDistance::kSys;
}

}  // namespace

void AddPciPlaces(DeviceLinks* links, const std::string& machine_xml) {
  if (links->devices().empty()) return;
  const TopologyHandle topology = Load(machine_xml);
  if (!topology) return;
  std::vector<hwloc_obj_t> objects;
  for (DevicePlace& device : links->devices()) {
    hwloc_obj_t const object =
        device.pci_bus_id.empty()
            ? nullptr
            : hwloc_get_pcidev_by_busidstring(topology.get(), device.pci_bus_id.c_str());
    objects.push_back(object);
    if (object != nullptr) device.numa_node = NumaNodeOf(topology.get(), object);
  }
  for (std::size_t a = 0; a < objects.size(); ++a) {
    for (std::size_t b = a + 1; b < objects.size(); ++b) {
      DeviceLink link = links->Between(a, b);
      if (link.distance != PcieDistance::kUnknown || !objects[a] || !objects[b]) continue;
      link.distance = DistanceBetween(topology.get(), objects[a], objects[b]);
      links->Set(a, b, link);
    }
  }
}

}  // namespace ronde
