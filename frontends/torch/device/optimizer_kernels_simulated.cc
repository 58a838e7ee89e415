#include "core/device/launch_simulated.h"
#include "frontends/torch/device/optimizer_kernels_of_kind.h"
#include "frontends/torch/device/optimizer_launch.h"

namespace ronde {
namespace {

struct Launcher {
  template <class Kernel>
  Status operator()(StreamView stream, LaunchShape shape, const Kernel& kernel) const {
    return LaunchSimulated(stream, shape, kernel);
  }
};

}  // namespace

Result<std::unique_ptr<OptimizerKernels>> CreateSimulatedOptimizerKernels(Device& device) {
  return std::unique_ptr<OptimizerKernels>(
      std::make_unique<LaunchedOptimizerKernels<Launcher>>(device.concurrent_blocks()));
}

}  // namespace ronde
