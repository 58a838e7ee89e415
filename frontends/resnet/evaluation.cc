#include "frontends/resnet/evaluation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/batch_tensors.h"
#include "frontends/resnet/data/sampler.h"
#include "frontends/torch/error.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

constexpr std::int64_t kRecalibrationBatches = 100;
constexpr double kTrainingMomentum = 0.1;

BnAtEvaluation ToBnAtEvaluation(const std::string& name) {
  if (name == "rank0") return BnAtEvaluation::kRank0;
  if (name == "recalibrate") return BnAtEvaluation::kRecalibrate;
  return BnAtEvaluation::kAverage;
}

// `momentum`: of the running statistics; nothing makes them the mean over all batches.
void ForEachBatchNorm(torch::nn::Module& model, std::optional<double> momentum, bool resets) {
  for (const std::shared_ptr<torch::nn::Module>& module : model.modules()) {
    auto* norm = module->as<torch::nn::BatchNorm2d>();
    if (norm == nullptr) continue;
    norm->options.momentum(momentum);
    if (resets) norm->reset_running_stats();
  }
}

void AverageStatistics(Session& session, const torch::nn::Module& model) {
  std::vector<Handle> handles;
  for (const auto& [name, buffer] : NamedBuffers(model)) {
    if (!buffer.is_floating_point()) continue;
    const std::string operation = StrCat("recalibration/", name);
    const TensorView view = ToTensorView(buffer.detach(), operation);
    handles.push_back(session.AllreduceAsync(operation, view, view));
  }
  for (const Handle& handle : handles) ThrowIfError(handle.Wait());
}

}  // namespace

Evaluation::Evaluation(Session& session, Replica& replica, const TrainOptions& options,
                       const Dataset& training, std::vector<std::int64_t> calibration,
                       bool weights_agree)
    : session_(session),
      replica_(replica),
      batch_size_(options.batch_size),
      averaged_(session, *replica.model(), replica.parameters(),
                {ToBnAtEvaluation(options.bn_at_evaluation), !weights_agree,
                 [&] { Recalibrate(training, std::move(calibration)); }}) {
  replica_.model()->eval();
}

Evaluation::~Evaluation() { replica_.model()->train(); }

// Each rank looks at its own images; the mean of their statistics is the same on all ranks.
void Evaluation::Recalibrate(const Dataset& training, std::vector<std::int64_t> images) {
  const torch::NoGradGuard no_grad;
  const auto wanted = static_cast<std::size_t>(kRecalibrationBatches * batch_size_);
  images.resize(std::min(images.size(), wanted));
  torch::nn::Module& model = *replica_.model();
  ForEachBatchNorm(model, std::nullopt, /*resets=*/true);
  model.train();
  BatchLoader loader(training, std::move(images), batch_size_, std::nullopt);
  while (const Batch* batch = loader.Next()) {
    replica_.model()->forward(ToTensors(*batch, training.traits()).images);
  }
  ForEachBatchNorm(model, kTrainingMomentum, /*resets=*/false);
  AverageStatistics(session_, model);
}

ValidationSums Evaluation::Run(const Dataset& validation) {
  const torch::NoGradGuard no_grad;
  ValidationSums sums(validation.traits().classes);
  BatchLoader loader(validation,
                     ValidationShard(validation.size(), session_.size(), session_.rank()),
                     batch_size_, std::nullopt);
  while (const Batch* batch = loader.Next()) {
    const BatchTensors tensors = ToTensors(*batch, validation.traits());
    const torch::Tensor logits = replica_.model()->forward(tensors.images);
    const double loss = torch::cross_entropy_loss(logits, tensors.labels).item<double>();
    AddValidationBatch(sums, loss, logits, tensors.labels);
  }
  Result<ValidationSums> all = SumOverRanks(session_, "evaluation/figures", sums);
  ThrowIfError(all.status());
  return std::move(all).value();
}

}  // namespace ronde
