#include "core/device/launch_cuda.cuh"
#include "core/device/open_device.h"
#include "tests/core/device/device_under_test.h"

namespace ronde {

Result<std::unique_ptr<Device>> OpenDeviceUnderTest() {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, OpenCudaDevice(0));
  RONDE_RETURN_IF_ERROR(LoadCuda<GateKernel>(*device));
  RONDE_RETURN_IF_ERROR(LoadCuda<StepKernel>(*device));
  RONDE_RETURN_IF_ERROR(LoadCuda<BarrierKernel>(*device));
  return Result<std::unique_ptr<Device>>(std::move(device));
}

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const GateKernel& kernel) {
  return LaunchCuda(stream, shape, kernel);
}

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const StepKernel& kernel) {
  return LaunchCuda(stream, shape, kernel);
}

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const BarrierKernel& kernel) {
  return LaunchCuda(stream, shape, kernel);
}

}  // namespace ronde
