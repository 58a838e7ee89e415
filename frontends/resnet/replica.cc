#include "frontends/resnet/replica.h"

#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/initial_weights.h"
#include "frontends/torch/broadcast.h"
#include "frontends/torch/classic_sgd.h"
#include "frontends/torch/fused_sgd.h"

namespace ronde {
namespace {

ResNet MakeModel(const TrainOptions& options, const DatasetTraits& traits, at::Device place) {
  const std::optional<ResNetOptions> shape =
      FindResNet(options.model, options.width, traits.channels, traits.classes);
  if (!shape) throw Error(Status::InvalidArgument(StrCat("--model: no '", options.model, "'")));
  torch::manual_seed(options.seed);
  ResNet model(*shape);
  UseChannelsLast(*model);
  if (!place.is_cpu()) model->to(place);
  return model;
}

// Batch norm's parameters are the one-dimensional ones besides the classifier's bias.
bool IsBatchNorm(const std::string& name, const at::Tensor& parameter) {
  return parameter.dim() == 1 && name != "fc.bias";
}

std::unique_ptr<torch::optim::SGD> MakeOptimizer(const TrainOptions& options,
                                                 const torch::nn::Module& model) {
  std::vector<at::Tensor> decayed;
  std::vector<at::Tensor> undecayed;
  for (const auto& [name, parameter] : NamedParameters(model)) {
    const bool decays = options.weight_decay_bn || !IsBatchNorm(name, parameter);
    (decays ? decayed : undecayed).push_back(parameter);
  }
  // The learning rate is set before every step.
  torch::optim::SGDOptions sgd(options.reference_lr);
  sgd.momentum(options.momentum).nesterov(options.momentum > 0).weight_decay(options.weight_decay);
  std::unique_ptr<torch::optim::SGD> optimizer;
  if (options.momentum_form == "classic") {
    optimizer = std::make_unique<ClassicSgd>(std::move(decayed), sgd);
  } else {
    optimizer = std::make_unique<FusedSgd>(std::move(decayed), sgd);
  }
  if (!undecayed.empty()) {
    auto without_decay = std::make_unique<torch::optim::SGDOptions>(sgd);
    without_decay->weight_decay(0);
    optimizer->add_param_group({std::move(undecayed), std::move(without_decay)});
  }
  return optimizer;
}

MomentumAtAverage ToMomentum(const std::string& name) {
  if (name == "reset") return MomentumAtAverage::kReset;
  if (name == "average") return MomentumAtAverage::kAverage;
  return MomentumAtAverage::kKeep;
}

}  // namespace

Replica::Replica(Session& session, const TrainOptions& options, const DatasetTraits& traits,
                 std::int64_t steps_before_switch, at::Device place)
    : model_(MakeModel(options, traits, place)),
      parameters_(std::make_unique<FlatParameters>(*model_, &session)),
      optimizer_(MakeOptimizer(options, *model_)) {
  LoadInitialWeights(session, *model_, options.init_weights);
  BroadcastParameters(session, *model_);
  const int workers_here = options.workers / session.size();
  workers_ = std::make_unique<LocalWorkers>(*model_, *parameters_, workers_here, optimizer_.get());
  first_worker_ = session.rank() * workers_here;
  AlgorithmOptions algorithm;
  algorithm.local_steps = options.local_steps;
  algorithm.switch_step = steps_before_switch;
  algorithm.momentum = ToMomentum(options.momentum_at_average);
  algorithm.slow_momentum = options.slow_momentum;
  algorithm.slow_lr = options.slow_lr;
  algorithm.max_gradient_norm = options.grad_clip_norm;
  algorithm.accumulation_steps = options.accumulation_steps;
  TrainingContext context{session, *model_, *optimizer_, *parameters_, workers_.get()};
  if (!place.is_cpu()) {
    context.before_sending = [observers = observers_.get()] {
      if (observers->before_sending) observers->before_sending();
    };
    context.after_part = [observers = observers_.get()](StepPart part) {
      if (observers->after_part) observers->after_part(part);
    };
  }
  algorithm_ = FindAlgorithm(options.algorithm)->create(context, algorithm);
}

void Replica::SetLearningRate(double learning_rate) {
  for (torch::optim::OptimizerParamGroup& group : optimizer_->param_groups()) {
    static_cast<torch::optim::SGDOptions&>(group.options()).lr(learning_rate);
  }
}

}  // namespace ronde
