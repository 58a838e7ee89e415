#pragma once

#include <optional>
#include <string_view>

#include <torch/torch.h>

namespace ronde {

/// libtorch's name for the dtypes of tensor_layout.h ("F32"), and the other way round; nothing for
/// a dtype that weights files here do not hold.
[[nodiscard]] std::optional<at::ScalarType> FindScalarType(std::string_view name);
[[nodiscard]] std::optional<std::string_view> FindTypeName(at::ScalarType type);

/// Whether a contiguous tensor's bytes are values of its dtype: a bool that is neither 0 nor 1 is
/// undefined behaviour in C++. For tensors that were filled from a file.
[[nodiscard]] bool HoldsValues(const at::Tensor& tensor);

}  // namespace ronde
