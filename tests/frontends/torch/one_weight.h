#pragma once

#include <utility>

#include <torch/torch.h>

#include "frontends/torch/distributed_optimizer.h"

namespace ronde {

inline at::Tensor Weight() { return at::ones({3}, at::kDouble).requires_grad_(); }

// d loss / d w = factor.
inline at::Tensor Loss(const at::Tensor& w, double factor) { return (w * factor).sum(); }

inline double First(const at::Tensor& tensor) {
  return tensor.detach().flatten()[0].item<double>();
}

/// One rank's part of a job with a single parameter "w", ones at first, and a learning rate of 1.
struct OneWeight {
  explicit OneWeight(Session& session, DistributedOptimizerOptions options = {})
      : optimizer(session, sgd, NamedTensors{{"w", w}}, std::move(options)) {}

  /// Adds `factor` to the gradient.
  void Backward(double factor) const { Loss(w, factor).backward(); }
  [[nodiscard]] double weight() const { return First(w); }
  [[nodiscard]] double gradient() const { return First(w.grad()); }

  at::Tensor w = Weight();
  torch::optim::SGD sgd{std::vector<at::Tensor>{w}, torch::optim::SGDOptions(1)};
  DistributedOptimizer optimizer;
};

}  // namespace ronde
