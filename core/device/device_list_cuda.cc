#include <cctype>

#include <cuda_runtime_api.h>

#include "core/device/device_list.h"

namespace ronde {
namespace {

// As Linux and hwloc write it: the runtime's digits are in upper case.
std::string PciBusId(int index) {
  char id[32] = {};
  if (cudaDeviceGetPCIBusId(id, sizeof id, index) != cudaSuccess) {
    cudaGetLastError();
    return "";
  }
  for (char* c = id; *c != 0; ++c) *c = static_cast<char>(std::tolower(*c));
  return id;
}

}  // namespace

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
                       properties.major, properties.minor, PciBusId(index)});
  }
  return devices;
}

bool DeviceReaches(int device, int peer) {
  int reaches = 0;
  if (cudaDeviceCanAccessPeer(&reaches, device, peer) == cudaSuccess) return reaches != 0;
  cudaGetLastError();
  return false;
}

}  // namespace ronde
