#include "collectives/device/kernels/create_kernels.h"

namespace ronde {

Result<std::unique_ptr<DeviceKernels>> CreateCudaKernels(Device& /*device*/) {
  return Status::Unavailable("this build has no CUDA kernels; configure it with -DRONDE_CUDA=ON");
}

}  // namespace ronde
