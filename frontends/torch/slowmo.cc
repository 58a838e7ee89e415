#include "frontends/torch/slowmo.h"

#include "core/base/strcat.h"
#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

at::ScalarType StateType(const at::Tensor& weights) {
  return weights.element_size() < 4 ? at::kFloat : weights.scalar_type();
}

}  // namespace

SlowMo::SlowMo(FlatParameters& parameters, SlowMoOptions options)
    : parameters_(parameters), options_(options) {
  if (!(options_.slow_momentum >= 0 && options_.slow_momentum < 1)) {
    throw Error(Status::InvalidArgument(
        StrCat("slow momentum must be from 0 to below 1, got ", options_.slow_momentum)));
  }
  if (!(options_.slow_lr > 0)) {
    throw Error(Status::InvalidArgument(
        StrCat("slow learning rate must be above 0, got ", options_.slow_lr)));
  }
  Anchor();
}

void SlowMo::Anchor() {
  const torch::NoGradGuard no_grad;
  parameters_.Reattach();
  const at::Tensor& weights = parameters_.flat();
  anchor_ = weights.to(StateType(weights), /*non_blocking=*/false, /*copy=*/true);
  slow_ = at::zeros_like(anchor_);
}

void SlowMo::Step(double gamma) {
  if (!(gamma > 0)) {
    throw Error(Status::InvalidArgument(
        StrCat("SlowMo divides by the learning rate: it must be above 0, got ", gamma)));
  }
  const torch::NoGradGuard no_grad;
  parameters_.Reattach();
  const at::Tensor& weights = parameters_.flat();
  if (weights.device().is_cuda() && weights.scalar_type() == at::kFloat) {
    TorchDevice& device = DeviceOf(weights.device());
    ThrowIfError(device.kernels().StepSlowMo(
        device.CurrentStream(),
        {slow_.data_ptr<float>(), anchor_.data_ptr<float>(), weights.data_ptr<float>(),
         weights.numel(), options_.slow_momentum, options_.slow_lr, gamma}));
    return;
  }
  slow_.mul_(options_.slow_momentum).add_((anchor_ - weights).div_(gamma));
  anchor_.sub_(slow_, options_.slow_lr * gamma);
  weights.copy_(anchor_);
}

}  // namespace ronde
