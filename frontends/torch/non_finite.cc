#include "frontends/torch/non_finite.h"

#include "core/base/strcat.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

std::int64_t CountNonFinite(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_floating_point()) return 0;
  const at::Tensor values = tensor.is_sparse() ? tensor._values() : tensor.detach();
  return values.numel() - values.isfinite().sum().item<std::int64_t>();
}

}  // namespace

std::optional<NonFinite> FirstNonFinite(const torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  const NamedTensors parameters = NamedParameters(module);
  for (const auto& [name, tensor] : parameters) {
    const std::int64_t count = CountNonFinite(tensor);
    if (count > 0) return NonFinite{StrCat("parameter '", name, "'"), count, tensor.numel()};
  }
  for (const auto& [name, tensor] : parameters) {
    const std::int64_t count = CountNonFinite(tensor.grad());
    if (count > 0) return NonFinite{StrCat("gradient of '", name, "'"), count, tensor.numel()};
  }
  for (const auto& [name, tensor] : NamedBuffers(module)) {
    const std::int64_t count = CountNonFinite(tensor);
    if (count > 0) return NonFinite{StrCat("buffer '", name, "'"), count, tensor.numel()};
  }
  return std::nullopt;
}

std::string Describe(const NonFinite& found) {
  return StrCat(found.name, " is not finite in ", found.count, " of ", found.elements, " elements");
}

}  // namespace ronde
