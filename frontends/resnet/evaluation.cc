#include "frontends/resnet/evaluation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "frontends/resnet/batch_tensors.h"
#include "frontends/resnet/data/sampler.h"
#include "frontends/torch/error.h"
#include "frontends/torch/tensor_bridge.h"
#include "frontends/torch/tree_sum.h"

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

// Copies in one piece: as the workers see their images in turn, their statistics are added up.
at::Tensor Flattened(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& tensor : tensors) rows.push_back(tensor.detach().flatten());
  return at::cat(rows);
}

void CopyInto(const std::vector<at::Tensor>& tensors, const at::Tensor& flat) {
  std::int64_t first = 0;
  for (const at::Tensor& tensor : tensors) {
    tensor.detach().copy_(flat.narrow(0, first, tensor.numel()).view(tensor.sizes()));
    first += tensor.numel();
  }
}

std::vector<at::Tensor> Statistics(const torch::nn::Module& model) {
  std::vector<at::Tensor> statistics;
  for (const auto& [name, buffer] : NamedBuffers(model)) {
    if (buffer.is_floating_point()) statistics.push_back(buffer);
  }
  return statistics;
}

void AverageOverRanks(Session& session, const at::Tensor& mean_here) {
  const std::string operation = "recalibration/statistics";
  const TensorView view = ToTensorView(mean_here, operation);
  ThrowIfError(session.AllreduceAsync(operation, view, view).Wait());
}

}  // namespace

Evaluation::Evaluation(Session& session, Replica& replica, const TrainOptions& options,
                       const Dataset& training, const ImagesOf& calibration, bool weights_agree)
    : session_(session),
      replica_(replica),
      batch_size_(options.batch_size),
      all_workers_(options.workers),
      averaged_(session, replica.workers(),
                {ToBnAtEvaluation(options.bn_at_evaluation), !weights_agree,
                 [&] { Recalibrate(training, calibration); }}) {
  replica_.model()->eval();
}

Evaluation::~Evaluation() { replica_.model()->train(); }

// Each worker looks at its own images; the mean of their statistics is the same on all ranks.
void Evaluation::Recalibrate(const Dataset& training, const ImagesOf& calibration) {
  const torch::NoGradGuard no_grad;
  const int workers_here = replica_.workers().count();
  const std::int64_t batches = (kRecalibrationBatches + all_workers_ - 1) / all_workers_;
  torch::nn::Module& model = *replica_.model();
  const std::vector<at::Tensor> statistics = Statistics(model);
  TreeSum sum;
  model.train();
  for (int worker = 0; worker < workers_here; ++worker) {
    std::vector<std::int64_t> images = calibration(worker);
    images.resize(std::min(images.size(), static_cast<std::size_t>(batches * batch_size_)));
    ForEachBatchNorm(model, std::nullopt, /*resets=*/true);
    SeeImages(training, std::move(images));
    sum.Add(Flattened(statistics));
  }
  ForEachBatchNorm(model, kTrainingMomentum, /*resets=*/false);
  const at::Tensor mean = sum.Finish().div_(workers_here);
  AverageOverRanks(session_, mean);
  CopyInto(statistics, mean);
}

void Evaluation::SeeImages(const Dataset& training, std::vector<std::int64_t> images) {
  BatchLoader loader(training, std::move(images), batch_size_, std::nullopt);
  while (const Batch* batch = loader.Next()) {
    replica_.model()->forward(ToTensors(*batch, training.traits()).images);
  }
}

ValidationSums Evaluation::Run(const Dataset& validation) {
  const torch::NoGradGuard no_grad;
  const std::int64_t images = validation.size();
  ValidationSums sums(validation.traits().classes, (images + batch_size_ - 1) / batch_size_);
  BatchLoader loader(validation,
                     ValidationShard(images, session_.size(), session_.rank(), batch_size_),
                     batch_size_, std::nullopt);
  for (std::int64_t number = session_.rank(); const Batch* batch = loader.Next();
       number += session_.size()) {
    const BatchTensors tensors = ToTensors(*batch, validation.traits());
    const torch::Tensor logits = replica_.model()->forward(tensors.images);
    const double loss = torch::cross_entropy_loss(logits, tensors.labels).item<double>();
    AddValidationBatch(sums, number, loss, logits, tensors.labels);
  }
  Result<ValidationSums> all = SumOverRanks(session_, "evaluation/figures", sums);
  ThrowIfError(all.status());
  return std::move(all).value();
}

}  // namespace ronde
