#include "core/device/device_links_nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>

namespace ronde {
namespace {

using PciInfo = NvmlTable::PciInfo;

template <typename Function>
void Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
}

// As Linux writes it; NVML's own text has a domain of eight digits.
std::string BusId(const PciInfo& info) {
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.0", info.domain, info.bus, info.device);
  return text;
}

std::string NameOf(const NvmlTable& nvml, NvmlTable::Device device) {
  char text[96] = {};
  if (nvml.name == nullptr || nvml.name(device, text, sizeof text) != 0) return "";
  return text;
}

// Where a device's NVLinks end.
struct NvlinkEnds {
  std::vector<std::string> devices;  // one entry for each link to another device
  int to_switches = 0;
};

NvlinkEnds EndsOf(const NvmlTable& nvml, NvmlTable::Device device) {
  NvlinkEnds ends;
  if (nvml.nvlink_active == nullptr) return ends;
  for (unsigned int link = 0; link < NvmlTable::kMostNvlinks; ++link) {
    int active = 0;
    if (nvml.nvlink_active(device, link, &active) != 0 || active == 0) continue;
    int type = 0;
    PciInfo remote;
    if (nvml.nvlink_remote_type != nullptr && nvml.nvlink_remote_type(device, link, &type) == 0 &&
        type == NvmlTable::kRemoteIsSwitch) {
      ++ends.to_switches;
    } else if (nvml.nvlink_remote_pci != nullptr &&
               nvml.nvlink_remote_pci(device, link, &remote) == 0) {
      ends.devices.push_back(BusId(remote));
    }
  }
  return ends;
}

// nvmlGpuTopologyLevel_t
PcieDistance DistanceOf(int level) {
  if (level <= 10) return PcieDistance::kPix;
  if (level <= 20) return PcieDistance::kPxb;
  if (level <= 30) return PcieDistance::kPhb;
  if (level <= 40) return PcieDistance::kNode;
  return PcieDistance::kSys;
}

bool P2p(const NvmlTable& nvml, NvmlTable::Device a, NvmlTable::Device b) {
  for (const int capability : {NvmlTable::kP2pRead, NvmlTable::kP2pWrite}) {
    int status = 1;
    if (nvml.p2p_status == nullptr || nvml.p2p_status(a, b, capability, &status) != 0) return false;
    if (status != 0) return false;
  }
  return true;
}

struct Found {
  NvmlTable::Device handle = nullptr;
  DevicePlace place;
  NvlinkEnds ends;
};

DeviceLink LinkBetween(const NvmlTable& nvml, const Found& a, const Found& b) {
  DeviceLink link;
  int level = 0;
  if (nvml.common_ancestor != nullptr && nvml.common_ancestor(a.handle, b.handle, &level) == 0) {
    link.distance = DistanceOf(level);
  }
  if (!P2p(nvml, a.handle, b.handle)) return link;
  const auto direct = std::count(a.ends.devices.begin(), a.ends.devices.end(), b.place.pci_bus_id);
  // All switches of a machine are one fabric: any two devices at it reach each other at the speed
  // of the one with fewer links.
  const int switched = std::min(a.ends.to_switches, b.ends.to_switches);
  link.nvlinks = std::max(static_cast<int>(direct), switched);
  link.kind = link.nvlinks > 0 ? DeviceReach::kNvlink : DeviceReach::kPcie;
  return link;
}

std::vector<Found> FindAll(const NvmlTable& nvml) {
  unsigned int count = 0;
  if (nvml.device_count(&count) != 0) return {};
  std::vector<Found> devices;
  for (unsigned int i = 0; i < count; ++i) {
    Found device;
    PciInfo pci;
    // A device that this user may not see, or that has fallen off the bus.
    if (nvml.device_by_index(i, &device.handle) != 0) continue;
    if (nvml.pci_info(device.handle, &pci) != 0) continue;
    device.place.name = NameOf(nvml, device.handle);
    device.place.pci_bus_id = BusId(pci);
    device.ends = EndsOf(nvml, device.handle);
    devices.push_back(std::move(device));
  }
  return devices;
}

DeviceLinks AllLinks(const NvmlTable& nvml) {
  const std::vector<Found> devices = FindAll(nvml);
  std::vector<DevicePlace> places;
  for (const Found& device : devices) places.push_back(device.place);
  DeviceLinks links(std::move(places));
  for (std::size_t a = 0; a < devices.size(); ++a) {
    for (std::size_t b = a + 1; b < devices.size(); ++b) {
      links.Set(a, b, LinkBetween(nvml, devices[a], devices[b]));
    }
  }
  return links;
}

}  // namespace

NvmlTable LoadNvml() {
  NvmlTable nvml;
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nvml;
  Find(library, "nvmlInit_v2", nvml.init);
  Find(library, "nvmlShutdown", nvml.shutdown);
  Find(library, "nvmlDeviceGetCount_v2", nvml.device_count);
  Find(library, "nvmlDeviceGetHandleByIndex_v2", nvml.device_by_index);
  Find(library, "nvmlDeviceGetPciInfo_v3", nvml.pci_info);
  Find(library, "nvmlDeviceGetName", nvml.name);
  Find(library, "nvmlDeviceGetNvLinkState", nvml.nvlink_active);
  Find(library, "nvmlDeviceGetNvLinkRemotePciInfo_v2", nvml.nvlink_remote_pci);
  Find(library, "nvmlDeviceGetNvLinkRemoteDeviceType", nvml.nvlink_remote_type);
  Find(library, "nvmlDeviceGetTopologyCommonAncestor", nvml.common_ancestor);
  Find(library, "nvmlDeviceGetP2PStatus", nvml.p2p_status);
  return nvml;
}

DeviceLinks LinksFromNvml(const NvmlTable& nvml) {
  if (!nvml.usable() || nvml.init() != 0) return {};
  DeviceLinks links = AllLinks(nvml);
  nvml.shutdown();
  return links;
}

}  // namespace ronde
