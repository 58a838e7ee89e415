#include "core/device/launch_cuda.cuh"
#include "frontends/torch/device/optimizer_kernels_of_kind.h"
#include "frontends/torch/device/optimizer_launch.h"

namespace ronde {
namespace {

// Of so few threads, on the room that Device::concurrent_blocks() counts for one block of 1024.
constexpr int kBlocksAtOnce = 4;

struct Launcher {
  template <class Kernel>
  Status operator()(StreamView stream, LaunchShape shape, const Kernel& kernel) const {
    return LaunchCuda(stream, shape, kernel);
  }
};

}  // namespace

Result<std::unique_ptr<OptimizerKernels>> CreateCudaOptimizerKernels(Device& device) {
  return std::unique_ptr<OptimizerKernels>(std::make_unique<LaunchedOptimizerKernels<Launcher>>(
      kBlocksAtOnce * device.concurrent_blocks()));
}

}  // namespace ronde
