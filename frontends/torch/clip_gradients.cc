#include "frontends/torch/clip_gradients.h"

#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>

namespace ronde {
namespace {

constexpr double kLeastNorm = 1e-6;  // libtorch's: nothing is divided by zero

}  // namespace

void ClipGradientNorm(const std::vector<at::Tensor>& parameters, double largest_norm) {
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad().detach());
  }
  if (gradients.empty()) return;
  if (gradients.front().device().is_cpu()) {
    torch::nn::utils::clip_grad_norm_(parameters, largest_norm);
    return;
  }
  const torch::NoGradGuard no_grad;
  const at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)));
  at::_foreach_mul_(gradients, (largest_norm / (norm + kLeastNorm)).clamp_max(1));
}

}  // namespace ronde
