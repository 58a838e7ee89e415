#pragma once

#include <string_view>

#include <cuda_runtime_api.h>

#include "core/base/status.h"

namespace ronde {

/// `error` as a Status: kUnavailable where the machine lacks something (driver, device, memory, a
/// way to a peer), else kInternal. `what` is the call. Clears the runtime's own record of it, which
/// the next caller who checks would be given.
[[nodiscard]] Status CudaStatus(cudaError_t error, int device, std::string_view what);

/// Makes a device current for calls of this thread and, at the end, the one from before. Where that
/// one is not in use yet this one stays, since going back would occupy memory on it.
/// Cost: a fraction of a microsecond where the device is current already.
class CurrentDeviceGuard {
 public:
  explicit CurrentDeviceGuard(int device);
  ~CurrentDeviceGuard();
  CurrentDeviceGuard(const CurrentDeviceGuard&) = delete;
  CurrentDeviceGuard& operator=(const CurrentDeviceGuard&) = delete;

 private:
  int device_;
  int before_;
};

}  // namespace ronde
