#include <algorithm>

#include "core/device/device_links.h"
#include "core/device/device_links_nvml.h"
#include "core/device/device_list.h"
#include "core/device/pci_places.h"

namespace ronde {
namespace {

// The devices that this process may use, and what the driver says of each pair.
DeviceLinks LinksFromRuntime(const std::vector<DeviceInfo>& usable) {
  std::vector<DevicePlace> places;
  for (const DeviceInfo& device : usable) {
    places.push_back({device.index, device.name, device.pci_bus_id, -1});
  }
  DeviceLinks links(std::move(places));
  for (std::size_t a = 0; a < usable.size(); ++a) {
    for (std::size_t b = a + 1; b < usable.size(); ++b) {
      DeviceLink link;
      if (DeviceReaches(usable[a].index, usable[b].index)) link.kind = DeviceReach::kPcie;
      links.Set(a, b, link);
    }
  }
  return links;
}

// This process may see a part of the machine's devices, in another order.
void NumberUsable(const std::vector<DeviceInfo>& usable, DeviceLinks* links) {
  for (DevicePlace& place : links->devices()) {
    const auto found = std::find_if(usable.begin(), usable.end(), [&](const DeviceInfo& device) {
      return device.pci_bus_id == place.pci_bus_id;
    });
    if (found != usable.end()) place.index = found->index;
  }
}

}  // namespace

DeviceLinks DetectDeviceLinks() {
  const std::vector<DeviceInfo> usable = ListDevices();
  DeviceLinks links = LinksFromNvml(LoadNvml());
  if (links.devices().empty()) {
    links = LinksFromRuntime(usable);
  } else {
    NumberUsable(usable, &links);
  }
  AddPciPlaces(&links);
  return links;
}

}  // namespace ronde
