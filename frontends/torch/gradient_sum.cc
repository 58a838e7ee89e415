#include "frontends/torch/gradient_sum.h"

#include <cstddef>

namespace ronde {

GradientSum::GradientSum(std::vector<at::Tensor> parameters) {
  for (at::Tensor& parameter : parameters) {
    if (parameter.requires_grad()) parameters_.push_back(std::move(parameter));
  }
  sums_.resize(parameters_.size());
}

void GradientSum::Add() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& gradient = parameters_[i].mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(parameters_[i].detach());
    if (gradient.is_sparse()) gradient = gradient.to_dense();
    sums_[i].Add(gradient);
  }
}

void GradientSum::Finish() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const double share = 1.0 / static_cast<double>(sums_[i].count());
    parameters_[i].mutable_grad().copy_(sums_[i].Finish().mul_(share));
  }
}

}  // namespace ronde
