#include "core/device/launch_cuda.cuh"
#include "core/device/self_check_kernel.h"

namespace ronde {

Status LaunchSelfCheckCuda(StreamView stream, LaunchShape shape, const SelfCheckKernel& kernel) {
  return LaunchCuda(stream, shape, kernel);
}

}  // namespace ronde
