#include "collectives/device/kernels/convert_cuda.cuh"
#include "core/device/launch_cuda.cuh"
#include "tensor_fusion/device/create_pack_kernels.h"
#include "tensor_fusion/device/launched_pack_kernels.h"

namespace ronde {
namespace {

struct CudaLauncher {
  template <typename Kernel>
  static Status Launch(StreamView stream, LaunchShape shape, const Kernel& kernel) {
    return LaunchCuda(stream, shape, kernel);
  }
};

}  // namespace

Result<std::unique_ptr<PackKernels>> CreateCudaPackKernels(Device& device) {
  return std::unique_ptr<PackKernels>(
      std::make_unique<kernels::LaunchedPackKernels<kernels::CudaConvert, CudaLauncher>>(
          device.concurrent_blocks()));
}

}  // namespace ronde
