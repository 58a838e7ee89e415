#include "tensor_fusion/device/create_pack_kernels.h"

namespace ronde {

Result<std::unique_ptr<PackKernels>> CreateCudaPackKernels(Device& /*device*/) {
  return Status::Unavailable("this build has no CUDA kernels; configure it with -DRONDE_CUDA=ON");
}

}  // namespace ronde
