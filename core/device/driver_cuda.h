#pragma once

#include <cstddef>
#include <optional>

namespace ronde {

/// The allocation that an address of device memory lies in.
struct CudaAllocation {
  void* begin = nullptr;
  std::size_t size_bytes = 0;
};

// What only the driver's library knows. It comes with the driver, not with the toolkit, so it is
// loaded and not linked: the same program starts where there is no driver.

/// Nothing where there is no driver or the address is none of a device. Thread-safe.
[[nodiscard]] std::optional<CudaAllocation> FindCudaAllocation(const void* address);

/// Whether this process uses the device already. Thread-safe.
[[nodiscard]] bool CudaDeviceInUse(int device);

}  // namespace ronde
