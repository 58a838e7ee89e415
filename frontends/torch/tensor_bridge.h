#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "core/base/tensor_view.h"
#include "core/control/handle.h"

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
/// The tensor must be a strided CPU or CUDA tensor without gaps; its shape is given in memory
/// order, so a channels-last [N, C, H, W] is lent as [N, H, W, C] and meets only its like on other
/// ranks. On a CUDA device the values count as ready once all that the calling thread's current
/// stream has been given so far is done. Error: kInvalidArgument naming `name` for another device,
/// layout, dtype or a gap.
[[nodiscard]] TensorView ToTensorView(const at::Tensor& tensor, std::string_view name);

/// The same without the moment, for several tensors that get one together, by SetReady: recording
/// costs a call of the driver.
[[nodiscard]] TensorView LendMemory(const at::Tensor& tensor, std::string_view name);
/// The values of views whose memory is on `place` are ready from the current stream's present end
/// on; nothing for the CPU, whose values are ready now.
void SetReady(std::span<TensorView> views, at::Device place);

/// Waits for an operation on tensors of `place`: on the CPU until their values are there; on a CUDA
/// device until the operation has been issued, and makes the current stream wait for the values.
/// The operation's status; a failure of the device that comes later is told by later operations.
[[nodiscard]] Status Await(const Handle& handle, at::Device place);

}  // namespace ronde
