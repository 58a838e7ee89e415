#include "core/device/launch_simulated.h"
#include "frontends/torch/device/optimizer_kernels_of_kind.h"
#include "frontends/torch/device/optimizer_launch.h"

namespace ronde {

Result<std::unique_ptr<OptimizerKernels>> CreateSimulatedOptimizerKernels(Device& device) {
  return std::unique_ptr<OptimizerKernels>(
      std::make_unique<LaunchedOptimizerKernels<SimulatedLauncher>>(device.concurrent_blocks()));
}

}  // namespace ronde
