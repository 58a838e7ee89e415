#pragma once

#include <memory>

#include "frontends/torch/device/optimizer_kernels.h"

namespace ronde {

/// What CreateOptimizerKernels chooses from; CMake chooses the file of the second.
[[nodiscard]] Result<std::unique_ptr<OptimizerKernels>> CreateSimulatedOptimizerKernels(
    Device& device);
[[nodiscard]] Result<std::unique_ptr<OptimizerKernels>> CreateCudaOptimizerKernels(Device& device);

}  // namespace ronde
