#include <algorithm>

#include <cuda_runtime_api.h>

#include "core/base/strcat.h"
#include "core/device/device_cuda.h"
#include "core/device/open_device.h"
#include "core/device/status_cuda.h"

namespace ronde {
namespace {

Status NoSuchDevice(int index, const std::vector<DeviceInfo>& devices) {
  std::string have;
  for (const DeviceInfo& device : devices) {
    have += StrCat(have.empty() ? "" : ", ", "cuda:", device.index, " (", device.name, ")");
  }
  return Status::Unavailable(
      StrCat("cuda:", index, ": no such device; usable are: ", have.empty() ? "none" : have));
}

}  // namespace

Result<std::unique_ptr<Device>> OpenCudaDevice(int index) {
  int count = 0;
  RONDE_RETURN_IF_ERROR(CudaStatus(cudaGetDeviceCount(&count), index, "looking for devices"));
  const std::vector<DeviceInfo> devices = ListDevices();
  const auto info = std::find_if(devices.begin(), devices.end(), [index](const DeviceInfo& device) {
    return device.index == index;
  });
  if (info == devices.end()) return NoSuchDevice(index, devices);
  const CurrentDeviceGuard guard(index);
  // What is wrong with the device shows at the first use of it.
  RONDE_RETURN_IF_ERROR(CudaStatus(cudaFree(nullptr), index, "opening the device"));
  int multiprocessors = 0;
  RONDE_RETURN_IF_ERROR(
      CudaStatus(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, index),
                 index, "cudaDeviceGetAttribute"));
  return std::unique_ptr<Device>(std::make_unique<CudaDevice>(*info, multiprocessors));
}

}  // namespace ronde
