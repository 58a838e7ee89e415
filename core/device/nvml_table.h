#pragma once

#include <array>

namespace ronde {

/// What Ronde calls of NVML, the driver's library for looking at devices. Its header comes with the
/// toolkit and the library with the driver, and neither need be there: these are prototypes of our
/// own, filled from a library that is loaded, or by a test. Results are nvmlReturn_t, 0 for
/// success; any pointer but the first five may be null in old drivers.
struct NvmlTable {
  using Device = void*;  ///< nvmlDevice_t
  /// nvmlPciInfo_t
  struct PciInfo {
    std::array<char, 16> bus_id_legacy = {};
    unsigned int domain = 0;
    unsigned int bus = 0;
    unsigned int device = 0;
    unsigned int device_id = 0;
    unsigned int subsystem_id = 0;
    std::array<char, 32> bus_id = {};
  };
  static constexpr unsigned int kMostNvlinks = 18;  ///< NVML_NVLINK_MAX_LINKS
  static constexpr int kRemoteIsSwitch = 2;         ///< NVML_NVLINK_DEVICE_TYPE_SWITCH
  static constexpr int kP2pRead = 0;                ///< NVML_P2P_CAPS_INDEX_READ
  static constexpr int kP2pWrite = 1;               ///< NVML_P2P_CAPS_INDEX_WRITE

  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*device_count)(unsigned int* count) = nullptr;
  int (*device_by_index)(unsigned int index, Device* device) = nullptr;
  int (*pci_info)(Device device, PciInfo* info) = nullptr;
  int (*name)(Device device, char* text, unsigned int length) = nullptr;
  int (*nvlink_active)(Device device, unsigned int link, int* active) = nullptr;
  int (*nvlink_remote_pci)(Device device, unsigned int link, PciInfo* info) = nullptr;
  int (*nvlink_remote_type)(Device device, unsigned int link, int* type) = nullptr;
  int (*common_ancestor)(Device a, Device b, int* level) = nullptr;
  int (*p2p_status)(Device a, Device b, int capability, int* status) = nullptr;

  [[nodiscard]] bool usable() const {
    return init != nullptr && shutdown != nullptr && device_count != nullptr &&
           device_by_index != nullptr && pci_info != nullptr;
  }
};
static_assert(sizeof(NvmlTable::PciInfo) == 68);

}  // namespace ronde
