#include "collectives/device/kernels/convert_cuda.cuh"
#include "core/device/launch_cuda.cuh"
#include "tensor_fusion/device/create_pack_kernels.h"
#include "tensor_fusion/device/launched_pack_kernels.h"

namespace ronde {

Result<std::unique_ptr<PackKernels>> CreateCudaPackKernels(Device& device) {
  return std::unique_ptr<PackKernels>(
      std::make_unique<kernels::LaunchedPackKernels<kernels::CudaConvert, CudaLauncher>>(
          device.concurrent_blocks()));
}

}  // namespace ronde
