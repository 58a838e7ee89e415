#include "core/device/device_links.h"

#include <algorithm>

#include "core/base/strcat.h"

namespace ronde {
namespace {

std::string Label(const DevicePlace& place) {
  return place.index < 0 ? "(other)" : StrCat("cuda:", place.index);
}

std::string Cell(const DeviceLink& link) {
  switch (link.kind) {
    case DeviceReach::kNvlink:
      return StrCat("NV", link.nvlinks);
    case DeviceReach::kPcie:
      return std::string(Name(link.distance));
    case DeviceReach::kNone:
      break;
  }
  return "-";
}

std::string Padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

}  // namespace

std::string_view Name(DeviceReach kind) {
  switch (kind) {
    case DeviceReach::kNone:
      return "none";
    case DeviceReach::kPcie:
      return "pcie";
    case DeviceReach::kNvlink:
      return "nvlink";
  }
  return "?";
}

std::string_view Name(PcieDistance distance) {
  switch (distance) {
    case PcieDistance::kUnknown:
      return "unknown";
    case PcieDistance::kPix:
      return "PIX";
    case PcieDistance::kPxb:
      return "PXB";
    case PcieDistance::kPhb:
      return "PHB";
    case PcieDistance::kNode:
      return "NODE";
    case PcieDistance::kSys:
      return "SYS";
  }
  return "?";
}

DeviceReach DeviceLinks::WorstAmong(const std::vector<std::string>& pci_bus_ids) const {
  std::vector<std::size_t> positions;
  for (const std::string& id : pci_bus_ids) {
    const auto found = std::find_if(devices_.begin(), devices_.end(),
                                    [&](const auto& device) { return device.pci_bus_id == id; });
    if (found == devices_.end()) return DeviceReach::kNone;
    positions.push_back(static_cast<std::size_t>(found - devices_.begin()));
  }
  DeviceReach worst = DeviceReach::kNvlink;
  for (const std::size_t a : positions) {
    for (const std::size_t b : positions) {
      if (a != b) worst = std::min(worst, Between(a, b).kind);
    }
  }
  return worst;
}

std::string Describe(const DeviceLinks& links) {
  constexpr std::size_t kLabelWidth = 9;
  constexpr std::size_t kCellWidth = 8;
  if (links.devices().empty()) return "no devices\n";
  std::string text(kLabelWidth, ' ');
  for (const DevicePlace& device : links.devices()) text += Padded(Label(device), kCellWidth);
  text += "NUMA  PCI\n";
  for (std::size_t a = 0; a < links.devices().size(); ++a) {
    const DevicePlace& device = links.devices()[a];
    text += Padded(Label(device), kLabelWidth);
    for (std::size_t b = 0; b < links.devices().size(); ++b) {
      text += Padded(a == b ? "X" : Cell(links.Between(a, b)), kCellWidth);
    }
    text += Padded(device.numa_node < 0 ? "?" : StrCat(device.numa_node), 6);
    text += (device.pci_bus_id.empty() ? "?" : device.pci_bus_id) + "\n";
  }
  text +=
      "NV<n>: n NVLinks; PIX, PXB, PHB, NODE, SYS: PCIe peer access, ever farther; -: only through "
      "the host\n";
  return text;
}

}  // namespace ronde
