#pragma once

#include <memory>

#include "collectives/device/kernels/device_kernels.h"
#include "core/base/status.h"
#include "core/device/device.h"

// What CreateDeviceKernels chooses from.

namespace ronde {

[[nodiscard]] std::unique_ptr<DeviceKernels> CreateSimulatedKernels(Device& device);
/// CMake chooses the file; kUnavailable in a build without CUDA.
[[nodiscard]] Result<std::unique_ptr<DeviceKernels>> CreateCudaKernels(Device& device);

}  // namespace ronde
