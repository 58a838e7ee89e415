#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/algorithms/training_algorithm.h"
#include "frontends/torch/flat_parameters.h"
#include "tests/frontends/torch/algorithms/reference_training.h"

namespace ronde {

/// One rank of the reference's training, by libtorch and an algorithm of the table.
class SmallTraining {
 public:
  SmallTraining(Session& session, std::string_view algorithm, const AlgorithmOptions& options,
                OptimizerSettings settings = {}, at::ScalarType type = at::kDouble)
      : session_(session),
        type_(type),
        model_(torch::nn::Linear(ReferenceModel::kIn, ReferenceModel::kHidden), torch::nn::Tanh(),
               torch::nn::Linear(ReferenceModel::kHidden, ReferenceModel::kOut)) {
    model_->to(type);
    flat_ = std::make_unique<FlatParameters>(*model_);
    for (int i = 0; i < ReferenceModel::kCount; ++i) {
      flat_->flat()[i] = ReferenceModel::InitialParameter(i);
    }
    const bool nesterov = settings.nesterov && settings.momentum > 0;
    sgd_ = std::make_unique<torch::optim::SGD>(model_->parameters(),
                                               torch::optim::SGDOptions(LearningRate(1))
                                                   .momentum(settings.momentum)
                                                   .nesterov(nesterov)
                                                   .weight_decay(settings.weight_decay));
    algorithm_ = FindAlgorithm(algorithm)->create({session, *model_, *sgd_, *flat_}, options);
  }

  StepReport Step(std::int64_t t) {
    for (auto& group : sgd_->param_groups()) group.options().set_lr(LearningRate(t));
    algorithm_->BeginStep(t);
    sgd_->zero_grad();
    const at::Tensor output =
        model_->forward(Batch(t, &ReferenceModel::Input, ReferenceModel::kIn));
    const at::Tensor target = Batch(t, &ReferenceModel::Target, ReferenceModel::kOut);
    ((output - target).pow(2).sum() / (2.0 * ReferenceModel::kBatch)).backward();
    return algorithm_->FinishStep(t, LearningRate(t));
  }

  [[nodiscard]] const at::Tensor& weights() const { return flat_->flat(); }
  /// All momentum buffers in one vector; zeros where there is none.
  [[nodiscard]] at::Tensor Momentum() const {
    std::vector<at::Tensor> buffers;
    for (const at::Tensor& parameter : model_->parameters()) {
      const auto state = sgd_->state().find(parameter.unsafeGetTensorImpl());
      at::Tensor buffer;
      if (state != sgd_->state().end()) {
        buffer = static_cast<torch::optim::SGDParamState&>(*state->second).momentum_buffer();
      }
      if (!buffer.defined()) buffer = at::zeros_like(parameter.detach());
      buffers.push_back(buffer.reshape({-1}));
    }
    return at::cat(buffers);
  }
  [[nodiscard]] TrainingAlgorithm& algorithm() { return *algorithm_; }
  [[nodiscard]] torch::nn::Module& model() { return *model_; }
  [[nodiscard]] FlatParameters& parameters() { return *flat_; }

 private:
  [[nodiscard]] at::Tensor Batch(std::int64_t step, double (*value)(int, std::int64_t, int, int),
                                 int width) const {
    at::Tensor batch = at::empty({ReferenceModel::kBatch, width}, at::kDouble);
    auto access = batch.accessor<double, 2>();
    for (int s = 0; s < ReferenceModel::kBatch; ++s) {
      for (int i = 0; i < width; ++i) access[s][i] = value(session_.rank(), step, s, i);
    }
    return batch.to(type_);
  }

  Session& session_;
  at::ScalarType type_;
  torch::nn::Sequential model_;
  std::unique_ptr<FlatParameters> flat_;
  std::unique_ptr<torch::optim::SGD> sgd_;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
};

}  // namespace ronde
