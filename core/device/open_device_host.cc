#include "core/base/strcat.h"
#include "core/device/open_device.h"

namespace ronde {

Result<std::unique_ptr<Device>> OpenCudaDevice(int index) {
  return Status::Unavailable(StrCat(
      "cuda:", index, ": this build has no CUDA support; configure it with -DRONDE_CUDA=ON"));
}

}  // namespace ronde
