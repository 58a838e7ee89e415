#pragma once

#include "core/device/device_links.h"

namespace ronde {

/// Adds to the devices and links what hwloc knows of the PCI tree: NUMA nodes, and distances where
/// they are unknown. Never fails: what cannot be found out stays as it is.
/// `machine_xml`, where given, is a file of lstopo's to be asked in place of this machine.
void AddPciPlaces(DeviceLinks* links, const std::string& machine_xml = "");

}  // namespace ronde
