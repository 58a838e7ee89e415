#include "core/device/driver_cuda.h"

#include <dlfcn.h>

#include <cuda.h>

namespace ronde {
namespace {

struct Driver {
  using GetAddressRange = CUresult (*)(CUdeviceptr*, std::size_t*, CUdeviceptr);
  using GetDevice = CUresult (*)(CUdevice*, int);
  using GetPrimaryState = CUresult (*)(CUdevice, unsigned int*, int*);
  GetAddressRange get_address_range = nullptr;
  GetDevice get_device = nullptr;
  GetPrimaryState get_primary_state = nullptr;
};

template <typename Function>
void Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
}

// Never unloaded: the runtime library keeps it anyway.
const Driver& TheDriver() {
  static const Driver driver = [] {
    Driver found;
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return found;
    Find(library, "cuMemGetAddressRange_v2", found.get_address_range);
    Find(library, "cuDeviceGet", found.get_device);
    Find(library, "cuDevicePrimaryCtxGetState", found.get_primary_state);
    return found;
  }();
  return driver;
}

}  // namespace

std::optional<CudaAllocation> FindCudaAllocation(const void* address) {
  const Driver& driver = TheDriver();
  CUdeviceptr begin = 0;
  std::size_t size_bytes = 0;
  if (driver.get_address_range == nullptr) return std::nullopt;
  const auto wanted = reinterpret_cast<CUdeviceptr>(address);
  if (driver.get_address_range(&begin, &size_bytes, wanted) != CUDA_SUCCESS) return std::nullopt;
  return CudaAllocation{reinterpret_cast<void*>(begin), size_bytes};
}

bool CudaDeviceInUse(int device) {
  const Driver& driver = TheDriver();
  if (driver.get_device == nullptr || driver.get_primary_state == nullptr) return false;
  CUdevice handle = 0;
  unsigned int flags = 0;
  int active = 0;
  return driver.get_device(&handle, device) == CUDA_SUCCESS &&
         driver.get_primary_state(handle, &flags, &active) == CUDA_SUCCESS && active != 0;
}

}  // namespace ronde
