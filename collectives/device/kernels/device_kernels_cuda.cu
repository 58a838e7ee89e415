#include "collectives/device/kernels/convert_cuda.cuh"
#include "collectives/device/kernels/create_kernels.h"
#include "collectives/device/kernels/launched_kernels.h"
#include "core/device/launch_cuda.cuh"

namespace ronde {

Result<std::unique_ptr<DeviceKernels>> CreateCudaKernels(Device& device) {
  return std::unique_ptr<DeviceKernels>(
      std::make_unique<kernels::LaunchedKernels<kernels::CudaConvert, CudaLauncher>>(
          device.concurrent_blocks()));
}

}  // namespace ronde
