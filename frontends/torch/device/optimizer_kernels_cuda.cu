#include "core/device/launch_cuda.cuh"
#include "frontends/torch/device/optimizer_kernels_of_kind.h"
#include "frontends/torch/device/optimizer_launch.h"

namespace ronde {
namespace {

// Of so few threads, on the room that Device::concurrent_blocks() counts for one block of 1024.
constexpr int kBlocksAtOnce = 4;

}  // namespace

Result<std::unique_ptr<OptimizerKernels>> CreateCudaOptimizerKernels(Device& device) {
  return std::unique_ptr<OptimizerKernels>(std::make_unique<LaunchedOptimizerKernels<CudaLauncher>>(
      kBlocksAtOnce * device.concurrent_blocks()));
}

}  // namespace ronde
