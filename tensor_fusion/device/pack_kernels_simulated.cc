#include "collectives/device/kernels/convert_host.h"
#include "core/device/launch_simulated.h"
#include "tensor_fusion/device/create_pack_kernels.h"
#include "tensor_fusion/device/launched_pack_kernels.h"

namespace ronde {

std::unique_ptr<PackKernels> CreateSimulatedPackKernels(Device& device) {
  return std::make_unique<kernels::LaunchedPackKernels<kernels::HostConvert, SimulatedLauncher>>(
      device.concurrent_blocks());
}

}  // namespace ronde
