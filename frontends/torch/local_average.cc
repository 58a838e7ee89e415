#include "frontends/torch/local_average.h"

namespace ronde {
namespace {

at::Tensor Widened(const at::Tensor& tensor) {
  return tensor.element_size() < 4 ? tensor.to(at::kFloat) : tensor;
}

}  // namespace

at::Tensor MeanOverWorkers(const LocalWorkers& workers,
                           const at::Tensor& (LocalWorkers::*plane)(int) const, TreeSum& sum) {
  const torch::NoGradGuard no_grad;
  for (int worker = 0; worker < workers.count(); ++worker) {
    sum.Add(Widened((workers.*plane)(worker)));
  }
  return sum.Finish().mul_(1.0 / workers.count());
}

void LocalAverage::Gather() {
  workers_.Activate(0);
  if (workers_.count() == 1) return;
  const torch::NoGradGuard no_grad;
  workers_.weights(0).copy_(MeanOverWorkers(workers_, &LocalWorkers::weights, weight_sum_));
  if (momentum_ != MomentumAtAverage::kAverage || !workers_.momentum(0).defined()) return;
  workers_.momentum(0).copy_(MeanOverWorkers(workers_, &LocalWorkers::momentum, momentum_sum_));
}

void LocalAverage::Spread() {
  const torch::NoGradGuard no_grad;
  const bool with_momentum =
      momentum_ != MomentumAtAverage::kKeep && workers_.momentum(0).defined();
  for (int worker = 1; worker < workers_.count(); ++worker) {
    workers_.weights(worker).copy_(workers_.weights(0));
    if (with_momentum) workers_.momentum(worker).copy_(workers_.momentum(0));
  }
}

}  // namespace ronde
