#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "core/base/tensor_view.h"

namespace ronde {

/// Tensors by name, in an order that is the same on all ranks.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The parameters of `module` and of its submodules, in order of registration: "layer1.0.weight".
[[nodiscard]] NamedTensors NamedParameters(const torch::nn::Module& module);
/// The same for buffers: "bn1.running_mean".
[[nodiscard]] NamedTensors NamedBuffers(const torch::nn::Module& module);
/// The tensors without their names.
[[nodiscard]] std::vector<at::Tensor> TensorsOf(const NamedTensors& named);

/// The element type that collectives know; nothing for bool, int8, int16, complex and quantised.
[[nodiscard]] std::optional<DataType> ToDataType(at::ScalarType type);

/// Lends the memory of `tensor`; the caller keeps it alive until the operation has completed.
/// The tensor must be a strided CPU tensor without gaps; its shape is given in memory order, so a
/// channels-last [N, C, H, W] is lent as [N, H, W, C] and meets only its like on other ranks.
/// Error: kInvalidArgument naming `name` for another device, layout, dtype or a gap.
[[nodiscard]] TensorView ToTensorView(const at::Tensor& tensor, std::string_view name);

}  // namespace ronde
