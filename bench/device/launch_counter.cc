#include "bench/device/launch_counter.h"

#include "bench/device/captured_graph.h"
#include "core/device/simulated_device.h"

namespace ronde::bench {

Result<int> CountLaunches(BenchDevice& device, const DeviceWork& work) {
  if (device.device().kind() != DeviceKind::kSimulated) {
    return CountCapturedKernels(device.stream(), work);
  }
  const auto& simulated = static_cast<const SimulatedDevice&>(device.device());
  RONDE_RETURN_IF_ERROR(device.Finish(device.stream()));
  const std::int64_t before = simulated.launches();
  RONDE_RETURN_IF_ERROR(work());
  RONDE_RETURN_IF_ERROR(device.Finish(device.stream()));
  return static_cast<int>(simulated.launches() - before);
}

}  // namespace ronde::bench
