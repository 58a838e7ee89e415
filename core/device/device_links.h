#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// How one device reaches another's memory, worst first.
enum class DeviceReach : std::uint8_t {
  kNone = 0,  ///< only through memory of the host
  kPcie,      ///< loads and stores over PCIe
  kNvlink,
};
[[nodiscard]] std::string_view Name(DeviceReach kind);

/// What lies between two devices on PCIe, nearest first; the names are nvidia-smi's.
enum class PcieDistance : std::uint8_t {
  kUnknown = 0,
  kPix,   ///< at most one bridge
  kPxb,   ///< several bridges
  kPhb,   ///< the host bridge
  kNode,  ///< several host bridges of one NUMA node
  kSys,   ///< the link between NUMA nodes
};
[[nodiscard]] std::string_view Name(PcieDistance distance);

struct DeviceLink {
  DeviceReach kind = DeviceReach::kNone;
  int nvlinks = 0;  ///< links between the two, or to their common switch
  PcieDistance distance = PcieDistance::kUnknown;

  friend bool operator==(const DeviceLink&, const DeviceLink&) = default;
};

struct DevicePlace {
  int index = -1;  ///< as this process numbers its devices; -1: it may not use it
  std::string name;
  std::string pci_bus_id;  ///< "0000:1b:00.0"
  int numa_node = -1;      ///< -1: unknown

  friend bool operator==(const DevicePlace&, const DevicePlace&) = default;
};

/// The devices of a machine, where they sit and how they reach one another; plain data.
class DeviceLinks {
 public:
  DeviceLinks() = default;
  explicit DeviceLinks(std::vector<DevicePlace> devices)
      : devices_(std::move(devices)), links_(devices_.size() * devices_.size()) {}

  [[nodiscard]] const std::vector<DevicePlace>& devices() const { return devices_; }
  [[nodiscard]] std::vector<DevicePlace>& devices() { return devices_; }
  /// By position in devices(); either order. Of a device with itself it means nothing.
  [[nodiscard]] const DeviceLink& Between(std::size_t a, std::size_t b) const {
    return links_[a * devices_.size() + b];
  }
  void Set(std::size_t a, std::size_t b, const DeviceLink& link) {
    links_[a * devices_.size() + b] = link;
    links_[b * devices_.size() + a] = link;
  }
  /// The worst between any two different ones of these devices; kNone where one is not known,
  /// kNvlink where there are no two.
  [[nodiscard]] DeviceReach WorstAmong(const std::vector<std::string>& pci_bus_ids) const;

  friend bool operator==(const DeviceLinks&, const DeviceLinks&) = default;

 private:
  std::vector<DevicePlace> devices_;
  std::vector<DeviceLink> links_;  // devices x devices, symmetric
};

/// Asks NVML, and hwloc where that is missing. Never fails: what cannot be found out stays unknown.
/// Cost: tens of milliseconds, and some hundred where the driver has to wake up.
[[nodiscard]] DeviceLinks DetectDeviceLinks();

/// A matrix in the manner of `nvidia-smi topo -m`, one line a device.
[[nodiscard]] std::string Describe(const DeviceLinks& links);

[[nodiscard]] std::string DeviceLinksToJson(const DeviceLinks& links);
/// Errors: kInvalidArgument naming `what`, the field, what is expected and what is there.
[[nodiscard]] Result<DeviceLinks> DeviceLinksFromJson(std::string_view text, std::string what);

}  // namespace ronde
