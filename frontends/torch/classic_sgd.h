#pragma once

#include <vector>

#include <torch/torch.h>

namespace ronde {

/// SGD with the learning rate inside the momentum buffer, and the momentum correction which that
/// form needs when the learning rate changes (g includes the weight decay):
///   v <- mu (eta' / eta) v + (1 - dampening) eta' g       (first: v = eta' g)
///   w <- w - v,   with Nesterov   w <- w - eta' g - mu v
/// torch::optim::SGD keeps v / eta' instead. Both give the same weights at any sequence of learning
/// rates, up to rounding; options, state and its serialised form are those of torch::optim::SGD.
///
/// A learning rate of 0 is defined so that this stays true: weights rest, and the buffer goes on in
/// units of the last learning rate that was not 0 (of 1 when there was none), which is also what
/// previous_learning_rates() then keeps. A parameter without a gradient rests; its buffer only
/// follows the learning rate.
/// Source: Goyal et al., arXiv 1706.02677, 2017, section 3, remark 2.
class ClassicSgd : public torch::optim::SGD {
 public:
  explicit ClassicSgd(const std::vector<torch::optim::OptimizerParamGroup>& param_groups,
                      torch::optim::SGDOptions defaults);
  explicit ClassicSgd(std::vector<at::Tensor> parameters, torch::optim::SGDOptions defaults);

  at::Tensor step(LossClosure closure = nullptr) override;

  /// eta per group: the unit of its buffers; 0 before the first step. With the buffers, the state
  /// to carry over: whoever swaps or restores buffers sets these with them.
  [[nodiscard]] std::vector<double> previous_learning_rates() const;
  /// Error: Error with kInvalidArgument for another count than the groups', or a negative or
  /// non-finite value.
  void set_previous_learning_rates(const std::vector<double>& learning_rates);

  /// torch::optim::SGD's archive with the previous learning rates; load takes it without them, too.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

 private:
  std::vector<double> previous_learning_rates_;  // shorter than the groups after add_param_group
};

}  // namespace ronde
