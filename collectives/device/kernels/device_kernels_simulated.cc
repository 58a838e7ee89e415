#include "collectives/device/kernels/convert_host.h"
#include "collectives/device/kernels/create_kernels.h"
#include "collectives/device/kernels/launched_kernels.h"
#include "core/device/launch_simulated.h"

namespace ronde {

std::unique_ptr<DeviceKernels> CreateSimulatedKernels(Device& device) {
  return std::make_unique<kernels::LaunchedKernels<kernels::HostConvert, SimulatedLauncher>>(
      device.concurrent_blocks());
}

}  // namespace ronde
