#include "core/device/status_cuda.h"

#include "core/base/strcat.h"
#include "core/device/driver_cuda.h"

namespace ronde {
namespace {

bool MachineLacksSomething(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError:
    case cudaErrorDevicesUnavailable:
    case cudaErrorDeviceUninitialized:
    case cudaErrorNotSupported:
    case cudaErrorNotPermitted:
    case cudaErrorOperatingSystem:
    case cudaErrorMapBufferObjectFailed:
    case cudaErrorPeerAccessUnsupported:
    case cudaErrorTooManyPeers:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorSystemNotReady:
    case cudaErrorCompatNotSupportedOnDevice:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status CudaStatus(cudaError_t error, int device, std::string_view what) {
  if (error == cudaSuccess) return Status::Ok();
  cudaGetLastError();
  return {MachineLacksSomething(error) ? StatusCode::kUnavailable : StatusCode::kInternal,
          StrCat("cuda:", device, ": ", what, ": ", cudaGetErrorString(error), " (",
                 cudaGetErrorName(error), ")")};
}

CurrentDeviceGuard::CurrentDeviceGuard(int device) : device_(device), before_(device) {
  if (cudaGetDevice(&before_) != cudaSuccess) {
    cudaGetLastError();
    before_ = device;
  }
  // An error shows at the call that this is for.
  if (before_ != device_ && cudaSetDevice(device_) != cudaSuccess) cudaGetLastError();
}

CurrentDeviceGuard::~CurrentDeviceGuard() {
  if (before_ == device_ || !CudaDeviceInUse(before_)) return;
  if (cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();
}

}  // namespace ronde
