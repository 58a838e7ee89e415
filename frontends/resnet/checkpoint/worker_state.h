#pragma once

#include <string>

#include <torch/torch.h>

#include "core/base/status.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

/// All that a worker carries from step to step, by name: "weights.<parameter>",
/// "momentum.<parameter>", "buffers.<buffer>" (batch norm's statistics and counters). The tensors
/// are the state itself, as long as the worker is active.
[[nodiscard]] NamedTensors WorkerState(const torch::nn::Module& module,
                                       torch::optim::SGD& optimizer);

/// Writes `state`, fsync included. Error: kUnavailable naming the file.
[[nodiscard]] Status WriteState(const NamedTensors& state, const std::string& path);

/// Copies the file's values into the tensors of `state`, bit for bit; strides and identity of the
/// tensors stay. Error: kInvalidArgument naming file and tensor, unless names, shapes and dtypes
/// are the same; then nothing has changed.
[[nodiscard]] Status ReadState(const std::string& path, const NamedTensors& state);

}  // namespace ronde
