#pragma once

#include <vector>

#include <torch/torch.h>

namespace ronde {

/// torch::optim::SGD whose step is one pass over all parameters of a group (ATen's fused SGD)
/// instead of five small operations for each parameter; over all groups, in one launch, where the
/// parameters are float32 on a CUDA device (OptimizerKernels). Options, state and its serialised
/// form are those of torch::optim::SGD; results agree up to rounding.
///
/// Where the fused pass cannot be taken (momentum buffers that do not exist yet, a sparse gradient,
/// a gradient with other strides or dtype than its parameter), the step is torch::optim::SGD's.
/// Of CUDA tensors the step is given to the current stream.
class FusedSgd : public torch::optim::SGD {
 public:
  explicit FusedSgd(const std::vector<torch::optim::OptimizerParamGroup>& param_groups,
                    torch::optim::SGDOptions defaults);
  explicit FusedSgd(std::vector<at::Tensor> parameters, torch::optim::SGDOptions defaults);

  at::Tensor step(LossClosure closure = nullptr) override;

 private:
  struct Operands;
  struct DeviceOperands;
  [[nodiscard]] bool Gather(const torch::optim::OptimizerParamGroup& group, Operands& operands);
  [[nodiscard]] bool Gather(const torch::optim::OptimizerParamGroup& group,
                            DeviceOperands& operands);
  [[nodiscard]] bool StepOnDevice();
};

}  // namespace ronde
