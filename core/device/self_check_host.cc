#include "core/device/self_check_kernel.h"

namespace ronde {

Status LaunchSelfCheckCuda(StreamView, LaunchShape, const SelfCheckKernel&) {
  return Status::Unavailable("this build has no CUDA support");
}

}  // namespace ronde
