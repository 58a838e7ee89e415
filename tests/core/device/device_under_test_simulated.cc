#include "core/device/launch_simulated.h"
#include "tests/core/device/device_under_test.h"

namespace ronde {

Result<std::unique_ptr<Device>> OpenDeviceUnderTest() {
  SimulatedDevice::Options options;
  options.delay_seed = 7;
  return std::unique_ptr<Device>(std::make_unique<SimulatedDevice>(options));
}

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const GateKernel& kernel) {
  return LaunchSimulated(stream, shape, kernel);
}

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const StepKernel& kernel) {
  return LaunchSimulated(stream, shape, kernel);
}

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const BarrierKernel& kernel) {
  return LaunchSimulated(stream, shape, kernel);
}

}  // namespace ronde
