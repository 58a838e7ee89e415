#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/algorithms/training_algorithm.h"
#include "frontends/torch/classic_sgd.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/local_workers.h"
#include "tests/frontends/torch/algorithms/reference_training.h"

namespace ronde {

/// What one worker has, copied: flat vectors in order of registration.
struct WorkerState {
  at::Tensor weights;
  at::Tensor momentum;    // zeros where there is none
  at::Tensor statistics;  // running means, then running variances; no element without batch norm
  double batches_tracked = 0;
};

/// One rank of the reference's training, by libtorch and an algorithm of the table. With `workers`
/// = 0 the module is the rank's only worker as it is, else the rank plays that many.
class SmallTraining {
 public:
  SmallTraining(Session& session, std::string_view algorithm, const AlgorithmOptions& options,
                TrainingSettings settings = {}, at::ScalarType type = at::kDouble, int workers = 0)
      : session_(session),
        settings_(std::move(settings)),
        type_(type),
        passes_(options.accumulation_steps) {
    MakeModel();
    MakeOptimizer();
    if (workers > 0) {
      workers_ = std::make_unique<LocalWorkers>(*model_, *flat_, workers, sgd_.get());
    }
    algorithm_ = FindAlgorithm(algorithm)->create({session, *model_, *sgd_, *flat_, workers_.get()},
                                                  options);
  }

  StepReport Step(std::int64_t t) {
    const double rate = settings_.learning_rate(t);
    for (auto& group : sgd_->param_groups()) group.options().set_lr(rate);
    algorithm_->BeginStep(t);
    for (int w = 0; w < worker_count(); ++w) {
      if (w > 0) algorithm_->NextWorker(t);
      sgd_->zero_grad();
      for (int pass = 0; pass < passes_; ++pass) {
        Loss(session_.rank() * worker_count() + w, t, pass).backward();
      }
    }
    return algorithm_->FinishStep(t, rate);
  }

  [[nodiscard]] int worker_count() const { return workers_ ? workers_->count() : 1; }
  /// Of worker `w` of this rank; to be called between steps.
  [[nodiscard]] WorkerState StateOf(int w) {
    if (workers_) workers_->Activate(w);
    const torch::NoGradGuard no_grad;
    std::vector<at::Tensor> weights;
    for (const at::Tensor& parameter : parameters_) {
      weights.push_back(parameter.reshape({-1}));
    }
    WorkerState state{at::cat(weights), Momentum(), at::empty({0}, type_)};
    if (norm_) {
      state.statistics = at::cat({norm_->running_mean, norm_->running_var});
      state.batches_tracked = norm_->num_batches_tracked.item<double>();
    }
    return state;
  }
  /// All momentum buffers of the active worker in one vector; zeros where there is none.
  [[nodiscard]] at::Tensor Momentum() const {
    std::vector<at::Tensor> buffers;
    for (const at::Tensor& parameter : parameters_) {
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
  [[nodiscard]] const at::Tensor& weights() const { return flat_->flat(); }
  [[nodiscard]] TrainingAlgorithm& algorithm() { return *algorithm_; }
  [[nodiscard]] torch::nn::Module& model() { return *model_; }
  [[nodiscard]] torch::nn::BatchNorm1d& norm() { return norm_; }
  [[nodiscard]] FlatParameters& parameters() { return *flat_; }
  /// Null for torch::optim::SGD's form.
  [[nodiscard]] ClassicSgd* classic() { return dynamic_cast<ClassicSgd*>(sgd_.get()); }
  /// Null where the module is the only worker.
  [[nodiscard]] LocalWorkers* workers() { return workers_.get(); }

 private:
  void MakeModel() {
    model_->push_back(torch::nn::Linear(ReferenceModel::kIn, ReferenceModel::kHidden));
    if (settings_.batch_norm) {
      norm_ = torch::nn::BatchNorm1d(ReferenceModel::kHidden);
      model_->push_back(norm_);
    }
    model_->push_back(torch::nn::Tanh());
    model_->push_back(torch::nn::Linear(ReferenceModel::kHidden, ReferenceModel::kOut));
    model_->to(type_);
    parameters_ = model_->parameters();
    flat_ = std::make_unique<FlatParameters>(*model_);
    for (std::int64_t i = 0; i < flat_->flat().numel(); ++i) {
      flat_->flat()[i] = ReferenceModel::InitialParameter(static_cast<int>(i));
    }
  }

  void MakeOptimizer() {
    torch::optim::SGDOptions options(settings_.learning_rate(1));
    options.momentum(settings_.momentum)
        .nesterov(settings_.nesterov && settings_.momentum > 0)
        .weight_decay(settings_.weight_decay);
    std::vector<at::Tensor> decayed;
    std::vector<at::Tensor> undecayed;
    const ReferenceModel shape{settings_.batch_norm};
    int first = 0;
    for (const at::Tensor& parameter : parameters_) {
      (settings_.decay_norm || !shape.IsNorm(first) ? decayed : undecayed).push_back(parameter);
      first += static_cast<int>(parameter.numel());
    }
    if (settings_.classic_form) {
      sgd_ = std::make_unique<ClassicSgd>(std::move(decayed), options);
    } else {
      sgd_ = std::make_unique<torch::optim::SGD>(std::move(decayed), options);
    }
    if (undecayed.empty()) return;
    auto without_decay = std::make_unique<torch::optim::SGDOptions>(options);
    without_decay->weight_decay(0);
    sgd_->add_param_group({std::move(undecayed), std::move(without_decay)});
  }

  [[nodiscard]] at::Tensor Loss(int worker, std::int64_t step, int pass) {
    const bool minibatch = algorithm_->phase(step) == Phase::kMinibatch;
    const int count = minibatch ? ReferenceModel::kBatch : settings_.local_batch;
    const ReferenceModel::Batch batch{worker, step, pass * count, count};
    at::Tensor inputs = at::empty({count, ReferenceModel::kIn}, at::kDouble);
    at::Tensor targets = at::empty({count, ReferenceModel::kOut}, at::kDouble);
    double* input = inputs.mutable_data_ptr<double>();
    double* target = targets.mutable_data_ptr<double>();
    for (int s = 0; s < count; ++s) {
      for (int i = 0; i < ReferenceModel::kIn; ++i) *input++ = batch.Input(s, i);
      for (int i = 0; i < ReferenceModel::kOut; ++i) *target++ = batch.Target(s, i);
    }
    return (model_->forward(inputs.to(type_)) - targets.to(type_)).pow(2).sum() /
           (2.0 * count * passes_);
  }

  Session& session_;
  TrainingSettings settings_;
  at::ScalarType type_;
  int passes_;
  torch::nn::Sequential model_;
  torch::nn::BatchNorm1d norm_ = nullptr;
  std::vector<at::Tensor> parameters_;
  std::unique_ptr<FlatParameters> flat_;
  std::unique_ptr<torch::optim::SGD> sgd_;
  std::unique_ptr<LocalWorkers> workers_;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
};

}  // namespace ronde
