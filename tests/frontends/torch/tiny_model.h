#pragma once

#include <algorithm>
#include <cstdint>

#include <torch/torch.h>

namespace ronde {

/// Values from -1 to 1 that depend on `salt`; the same in every run.
inline at::Tensor TinyValues(at::IntArrayRef sizes, int salt) {
  const auto index = at::arange(c10::multiply_integers(sizes), at::kDouble);
  return at::sin(index * 1.3 + 0.7 * salt + 0.1).reshape(sizes);
}

/// Two layers in float64; every call gives equal weights.
inline torch::nn::Sequential TinyModel() {
  torch::nn::Sequential model(torch::nn::Linear(5, 7), torch::nn::Tanh(), torch::nn::Linear(7, 3));
  model->to(at::kDouble);
  const torch::NoGradGuard no_grad;
  int salt = 0;
  for (at::Tensor& parameter : model->parameters()) {
    parameter.copy_(TinyValues(parameter.sizes(), ++salt) * 0.5);
  }
  return model;
}

/// The loss of one worker's batch at `step`.
inline at::Tensor TinyLoss(torch::nn::Sequential& model, int worker, int step) {
  const at::Tensor input = TinyValues({4, 5}, 100 + 17 * worker + 31 * step);
  const at::Tensor target = TinyValues({4, 3}, 200 + 13 * worker + 7 * step);
  return torch::mse_loss(model->forward(input), target);
}

/// The mean of all workers' losses: a serial run with it is what a parallel one must equal.
inline at::Tensor MeanTinyLoss(torch::nn::Sequential& model, int workers, int step) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (int worker = 0; worker < workers; ++worker) sum = sum + TinyLoss(model, worker, step);
  return sum / workers;
}

/// Over all parameters; these modules' values are about 1.
inline double LargestDifference(const torch::nn::Module& a, const torch::nn::Module& b) {
  const std::vector<at::Tensor> left = a.parameters();
  const std::vector<at::Tensor> right = b.parameters();
  double largest = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    largest = std::max(largest, (left[i].detach() - right[i].detach()).abs().max().item<double>());
  }
  return largest;
}

}  // namespace ronde
