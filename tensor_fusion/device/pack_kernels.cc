#include "tensor_fusion/device/pack_kernels.h"

#include "tensor_fusion/device/create_pack_kernels.h"

namespace ronde {

Result<std::unique_ptr<PackKernels>> CreatePackKernels(Device& device) {
  if (device.kind() == DeviceKind::kCuda) return CreateCudaPackKernels(device);
  return CreateSimulatedPackKernels(device);
}

}  // namespace ronde
