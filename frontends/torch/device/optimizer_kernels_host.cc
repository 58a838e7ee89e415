#include "frontends/torch/device/optimizer_kernels_of_kind.h"

namespace ronde {

Result<std::unique_ptr<OptimizerKernels>> CreateCudaOptimizerKernels(Device& /*device*/) {
  return Status::Unavailable("the optimizers' kernels: this build has no CUDA support");
}

}  // namespace ronde
