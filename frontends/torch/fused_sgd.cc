#include "frontends/torch/fused_sgd.h"

#include <cstdint>
#include <optional>
#include <utility>

#include <ATen/ops/_fused_sgd.h>

#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

using torch::optim::OptimizerParamGroup;
using torch::optim::SGDOptions;
using torch::optim::SGDParamState;

// The kernel goes over memory: with equal strides and no gaps that is the same as over elements.
bool LiesAs(const at::Tensor& parameter, const at::Tensor& other) {
  return other.defined() && other.layout() == at::kStrided &&
         other.device() == parameter.device() && other.scalar_type() == parameter.scalar_type() &&
         other.strides() == parameter.strides() && other.is_non_overlapping_and_dense();
}

// The same but for dimensions of extent 1, whose strides say nothing.
bool LiesOnDeviceAs(const at::Tensor& parameter, const at::Tensor& other) {
  if (!other.defined() || other.layout() != at::kStrided || other.device() != parameter.device() ||
      other.scalar_type() != at::kFloat || other.sizes() != parameter.sizes() ||
      !other.is_non_overlapping_and_dense()) {
    return false;
  }
  for (std::int64_t i = 0; i < other.dim(); ++i) {
    if (other.size(i) != 1 && other.stride(i) != parameter.stride(i)) return false;
  }
  return true;
}

SgdSettings SettingsOf(const OptimizerParamGroup& group) {
  const auto& options = static_cast<const SGDOptions&>(group.options());
  return {options.lr(), options.momentum(), options.dampening(), options.nesterov()};
}

}  // namespace

// Of one group on the CPU: the parameters with a gradient.
struct FusedSgd::Operands {
  std::vector<at::Tensor> weights;
  std::vector<at::Tensor> gradients;
  std::vector<at::Tensor> momentum;
};

FusedSgd::FusedSgd(const std::vector<OptimizerParamGroup>& param_groups, SGDOptions defaults)
    : SGD(param_groups, std::move(defaults)) {}

FusedSgd::FusedSgd(std::vector<at::Tensor> parameters, SGDOptions defaults)
    : SGD(std::move(parameters), std::move(defaults)) {}

bool FusedSgd::Gather(const OptimizerParamGroup& group, Operands& operands) {
  const bool has_momentum = static_cast<const SGDOptions&>(group.options()).momentum() != 0;
  for (const at::Tensor& parameter : group.params()) {
    const at::Tensor& gradient = parameter.grad();
    if (!gradient.defined()) continue;
    if (!parameter.device().is_cpu() || !LiesAs(parameter, parameter) ||
        !LiesAs(parameter, gradient)) {
      return false;
    }
    operands.weights.push_back(parameter.detach());
    operands.gradients.push_back(gradient.detach());
    if (!has_momentum) continue;
    const auto found = state().find(parameter.unsafeGetTensorImpl());
    if (found == state().end()) return false;
    operands.momentum.push_back(static_cast<SGDParamState&>(*found->second).momentum_buffer());
    if (!LiesAs(parameter, operands.momentum.back())) return false;
  }
  return true;
}

// Of all groups that differ in nothing but their weight decay, on one device.
struct FusedSgd::DeviceOperands {
  std::optional<at::Device> place;
  SgdSettings settings;
  std::vector<SgdRange> ranges;
};

bool FusedSgd::Gather(const OptimizerParamGroup& group, DeviceOperands& operands) {
  const auto& options = static_cast<const SGDOptions&>(group.options());
  const bool has_momentum = options.momentum() != 0;
  for (const at::Tensor& parameter : group.params()) {
    const at::Tensor& gradient = parameter.grad();
    if (!gradient.defined()) continue;
    if (!operands.place) operands.place = parameter.device();
    if (!parameter.device().is_cuda() || parameter.device() != *operands.place ||
        !LiesOnDeviceAs(parameter, parameter) || !LiesOnDeviceAs(parameter, gradient)) {
      return false;
    }
    SgdRange& range = operands.ranges.emplace_back();
    range.weights = parameter.data_ptr<float>();
    range.gradients = gradient.const_data_ptr<float>();
    range.count = parameter.numel();
    range.weight_decay = static_cast<float>(options.weight_decay());
    if (!has_momentum) continue;
    const auto found = state().find(parameter.unsafeGetTensorImpl());
    if (found == state().end()) return false;
    const auto& buffer = static_cast<SGDParamState&>(*found->second).momentum_buffer();
    if (!LiesOnDeviceAs(parameter, buffer)) return false;
    range.momentum = buffer.data_ptr<float>();
  }
  return true;
}

// False, and nothing has been done, where the kernel does not fit.
bool FusedSgd::StepOnDevice() {
  DeviceOperands all;
  for (std::size_t i = 0; i < param_groups().size(); ++i) {
    const SgdSettings settings = SettingsOf(param_groups()[i]);
    if (i == 0) all.settings = settings;
    if (settings != all.settings || !Gather(param_groups()[i], all)) return false;
  }
  if (!all.place) return false;
  TorchDevice& device = DeviceOf(*all.place);
  ThrowIfError(device.kernels().StepSgd(device.CurrentStream(), all.ranges, all.settings));
  return true;
}

at::Tensor FusedSgd::step(LossClosure closure) {
  at::Tensor loss;
  if (closure) {
    const torch::AutoGradMode with_grad(true);
    loss = closure();
  }
  const torch::NoGradGuard no_grad;
  if (StepOnDevice()) return loss;
  std::vector<Operands> groups(param_groups().size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (Gather(param_groups()[i], groups[i])) continue;
    SGD::step();
    return loss;
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].weights.empty()) continue;
    const auto& options = static_cast<const SGDOptions&>(param_groups()[i].options());
    at::_fused_sgd_(groups[i].weights, groups[i].gradients, groups[i].momentum,
                    options.weight_decay(), options.momentum(), options.lr(), options.dampening(),
                    options.nesterov(), /*maximize=*/false, /*is_first_step=*/false);
  }
  return loss;
}

}  // namespace ronde
