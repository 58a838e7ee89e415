#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ronde {

/// An accelerator that this process can use.
struct DeviceInfo {
  int index = 0;
  std::string name;
  std::int64_t memory_bytes = 0;
  int major = 0;  ///< compute capability
  int minor = 0;
  std::string pci_bus_id;  ///< "0000:3b:00.0", in lower case; empty where it has none
};

/// Whether this build has CUDA support at all.
[[nodiscard]] bool BuiltWithCuda();

/// The usable devices; empty in a build without CUDA and on a machine without driver or GPU.
[[nodiscard]] std::vector<DeviceInfo> ListDevices();

/// Whether kernels of the one device may use the other's memory; the driver's word.
[[nodiscard]] bool DeviceReaches(int device, int peer);

}  // namespace ronde
