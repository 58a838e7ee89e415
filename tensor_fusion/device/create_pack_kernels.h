#pragma once

#include <memory>

#include "core/base/status.h"
#include "core/device/device.h"
#include "tensor_fusion/device/pack_kernels.h"

// What CreatePackKernels chooses from.

namespace ronde {

[[nodiscard]] std::unique_ptr<PackKernels> CreateSimulatedPackKernels(Device& device);
/// CMake chooses the file; kUnavailable in a build without CUDA.
[[nodiscard]] Result<std::unique_ptr<PackKernels>> CreateCudaPackKernels(Device& device);

}  // namespace ronde
