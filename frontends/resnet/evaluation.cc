#include "frontends/resnet/evaluation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "frontends/resnet/batch_feed.h"
#include "frontends/resnet/batch_tensors.h"
#include "frontends/resnet/data/sampler.h"
#include "frontends/torch/error.h"

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

}  // namespace

Evaluation::Evaluation(Session& session, Replica& replica, const TrainOptions& options,
                       const ComputePlace& place, const Dataset& training,
                       const ImagesOf& calibration, bool weights_agree)
    : session_(session),
      replica_(replica),
      place_(place),
      batch_size_(options.batch_size),
      all_workers_(options.workers),
      averaged_(session, replica.workers(),
                {ToBnAtEvaluation(options.bn_at_evaluation), !weights_agree,
                 [&](int worker) { Recalibrate(training, calibration(worker)); }}) {
  replica_.model()->eval();
}

Evaluation::~Evaluation() { replica_.model()->train(); }

void Evaluation::Recalibrate(const Dataset& training, std::vector<std::int64_t> images) {
  const torch::NoGradGuard no_grad;
  const std::int64_t batches = (kRecalibrationBatches + all_workers_ - 1) / all_workers_;
  images.resize(std::min(images.size(), static_cast<std::size_t>(batches * batch_size_)));
  torch::nn::Module& model = *replica_.model();
  ForEachBatchNorm(model, std::nullopt, /*resets=*/true);
  model.train();
  BatchFeed feed(place_, training, std::move(images), batch_size_, std::nullopt);
  while (const FedBatch* batch = feed.Next()) {
    replica_.model()->forward(batch->tensors.images);
    feed.Prefetch();
  }
  ForEachBatchNorm(model, kTrainingMomentum, /*resets=*/false);
}

ValidationSums Evaluation::Run(const Dataset& validation) {
  const torch::NoGradGuard no_grad;
  const std::int64_t images = validation.size();
  ValidationSums sums(validation.traits().classes, (images + batch_size_ - 1) / batch_size_);
  BatchFeed feed(place_, validation,
                 ValidationShard(images, session_.size(), session_.rank(), batch_size_),
                 batch_size_, std::nullopt);
  for (std::int64_t number = session_.rank(); const FedBatch* batch = feed.Next();
       number += session_.size()) {
    const auto& [pixels, labels] = batch->tensors;
    const torch::Tensor logits = replica_.model()->forward(pixels);
    const torch::Tensor loss = torch::cross_entropy_loss(logits, labels);
    feed.Prefetch();
    AddValidationBatch(sums, number, loss.item<double>(), logits.cpu(), labels.cpu());
  }
  Result<ValidationSums> all = SumOverRanks(session_, "evaluation/figures", sums);
  ThrowIfError(all.status());
  return std::move(all).value();
}

}  // namespace ronde
