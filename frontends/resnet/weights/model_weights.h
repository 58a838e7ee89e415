#pragma once

#include <string>

#include <torch/torch.h>

#include "core/base/status.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

/// Writes the parameters and buffers of `module` by name: as safetensors where `path` ends so, else
/// as Python's torch.save does. Atomic: `path` has its old contents or all of the new.
/// Error: kUnavailable naming the file.
[[nodiscard]] Status SaveWeights(const torch::nn::Module& module, const std::string& path);

/// Tensors by name from a file of either format, whatever its name. Safe for any input.
/// Error: kInvalidArgument, one line naming the file.
[[nodiscard]] Result<NamedTensors> ReadWeights(const std::string& path);

/// Copies `tensors` into the parameters and buffers of `module` of the same names, converting the
/// dtype; only num_batches_tracked may be missing. On error nothing is changed.
/// Error: kInvalidArgument, one line: the first few that are missing, too many or of another
/// shape or kind (expected, got); another number of classes is told as such.
[[nodiscard]] Status LoadWeights(torch::nn::Module& module, const NamedTensors& tensors);

}  // namespace ronde
