#include "frontends/torch/device/optimizer_kernels.h"

#include "frontends/torch/device/optimizer_kernels_of_kind.h"

namespace ronde {

Result<std::unique_ptr<OptimizerKernels>> CreateOptimizerKernels(Device& device) {
  switch (device.kind()) {
    case DeviceKind::kSimulated:
      return CreateSimulatedOptimizerKernels(device);
    case DeviceKind::kCuda:
      return CreateCudaOptimizerKernels(device);
  }
  return Status::Internal("CreateOptimizerKernels: a device of unknown kind");
}

}  // namespace ronde
