#include "frontends/torch/momentum_buffers.h"

#include <memory>

namespace ronde {
namespace {

double MomentumOf(const torch::optim::OptimizerParamGroup& group) {
  return static_cast<const torch::optim::SGDOptions&>(group.options()).momentum();
}

}  // namespace

std::vector<at::Tensor> MomentumBuffers(torch::optim::Optimizer& optimizer) {
  std::vector<at::Tensor> buffers;
  for (auto& group : optimizer.param_groups()) {
    if (MomentumOf(group) == 0) continue;
    for (const at::Tensor& parameter : group.params()) {
      auto& state = optimizer.state()[parameter.unsafeGetTensorImpl()];
      if (!state) state = std::make_unique<torch::optim::SGDParamState>();
      auto& sgd = static_cast<torch::optim::SGDParamState&>(*state);
      if (!sgd.momentum_buffer().defined()) {
        sgd.momentum_buffer(at::zeros_like(parameter.detach()));
      }
      buffers.push_back(sgd.momentum_buffer());
    }
  }
  return buffers;
}

}  // namespace ronde
