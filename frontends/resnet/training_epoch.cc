#include "frontends/resnet/training_epoch.h"

#include <cmath>
#include <optional>
#include <string>

#include "core/base/strcat.h"
#include "frontends/resnet/autocast.h"
#include "frontends/resnet/batch_tensors.h"
#include "frontends/resnet/stopwatch.h"
#include "frontends/torch/non_finite.h"

namespace ronde {
namespace {

void CheckLoss(double loss, int rank, std::int64_t step, const torch::nn::Module& model) {
  if (std::isfinite(loss)) return;
  const std::optional<NonFinite> found = FirstNonFinite(model);
  const std::string tensor =
      found ? Describe(*found) : "all weights are finite: the forward pass overflowed";
  throw Error(
      Status::Aborted(StrCat("rank ", rank, ", step ", step, ": the training loss of worker ", rank,
                             " is ", std::isnan(loss) ? "nan" : "infinite", " (", tensor,
                             "); lower --reference-lr or raise --warmup-epochs")));
}

struct Outcome {
  torch::Tensor logits;
  torch::Tensor loss;
};

Outcome Forward(const EpochContext& context, const BatchTensors& batch) {
  const Autocast autocast(context.in_bf16);
  const torch::Tensor logits = context.replica.model()->forward(batch.images);
  return {logits, torch::cross_entropy_loss(logits, batch.labels)};
}

// The mean over the epoch's averages so far; in a local epoch every synchronisation is one.
void AddDivergence(EpochRecord& record, double divergence) {
  const double mean = record.worker_divergence.value_or(0);
  const auto averages = static_cast<double>(record.synchronizations);
  record.worker_divergence = mean + (divergence - mean) / averages;
}

// One step: forward, backward, and what the algorithm makes of the gradients. Returns the loss.
double TrainStep(const EpochContext& context, const Batch& batch, std::int64_t step,
                 double learning_rate, Stopwatch& watch, EpochRecord& record, MetricSums& sums) {
  Replica& replica = context.replica;
  replica.algorithm().BeginStep(step);
  replica.optimizer().zero_grad();
  const BatchTensors tensors = ToTensors(batch, context.dataset.traits());
  const auto [logits, loss] = Forward(context, tensors);
  const double loss_value = loss.item<double>();
  CheckLoss(loss_value, context.session.rank(), step, *replica.model());
  AddBatch(sums, loss_value, logits, tensors.labels);
  record.parts.forward += watch.Lap();

  loss.backward();
  record.parts.backward += watch.Lap();

  replica.SetLearningRate(learning_rate);
  const StepReport report = replica.algorithm().FinishStep(step, learning_rate);
  record.synchronizations += report.synchronized ? 1 : 0;
  if (report.worker_divergence) AddDivergence(record, *report.worker_divergence);
  record.parts.communication += report.seconds_communication;
  record.parts.optimizer += watch.Lap() - report.seconds_communication;
  return loss_value;
}

}  // namespace

void TrainEpoch(const EpochContext& context, const std::vector<std::int64_t>& images,
                std::int64_t batch_size, const AugmentationSeed& augmentation,
                std::int64_t first_step, EpochRecord& record, MetricSums& sums) {
  context.replica.model()->train();
  Stopwatch watch(context.clock);
  BatchLoader loader(context.dataset, images, batch_size, augmentation);
  for (std::int64_t step = 0; step < record.steps; ++step) {
    const Batch* batch = loader.Next();
    record.parts.data += watch.Lap();
    record.learning_rate = context.schedule.At(record.epoch, step, record.steps);
    const double loss = TrainStep(context, *batch, first_step + step + 1, record.learning_rate,
                                  watch, record, sums);
    context.progress.Step(step + 1, loss);
  }
  record.parts.data += watch.Lap();
  record.seconds = watch.Total();
}

}  // namespace ronde
