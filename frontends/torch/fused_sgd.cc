#include "frontends/torch/fused_sgd.h"

#include <utility>

#include <ATen/ops/_fused_sgd.h>

namespace ronde {
namespace {

using torch::optim::OptimizerParamGroup;
using torch::optim::SGDOptions;
using torch::optim::SGDParamState;

// The kernel goes over memory: with equal strides and no gaps that is the same as over elements.
bool LiesAs(const at::Tensor& parameter, const at::Tensor& other) {
  return other.defined() && other.layout() == at::kStrided && other.device().is_cpu() &&
         other.scalar_type() == parameter.scalar_type() && other.strides() == parameter.strides() &&
         other.is_non_overlapping_and_dense();
}

}  // namespace

// Of one group: the parameters with a gradient.
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
    if (!LiesAs(parameter, parameter) || !LiesAs(parameter, gradient)) return false;
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

at::Tensor FusedSgd::step(LossClosure closure) {
  at::Tensor loss;
  if (closure) {
    const torch::AutoGradMode with_grad(true);
    loss = closure();
  }
  const torch::NoGradGuard no_grad;
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
