#include <cuda_runtime_api.h>

#include "core/device/device.h"

namespace ronde {

bool BuiltWithCuda() { return true; }

std::vector<DeviceInfo> ListDevices() {
  int count = 0;
  // The runtime loads the driver by itself: without one this is an error code, not a link failure.
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // or it would be reported to the next caller who checks
    return {};
  }
  std::vector<DeviceInfo> devices;
  for (int index = 0; index < count; ++index) {
    cudaDeviceProp properties = {};
    if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) continue;
    devices.push_back({index, properties.name, static_cast<std::int64_t>(properties.totalGlobalMem),
                       properties.major, properties.minor});
  }
  return devices;
}

}  // namespace ronde
