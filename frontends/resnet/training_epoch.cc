#include "frontends/resnet/training_epoch.h"

#include <cmath>

#include "core/base/strcat.h"
#include "frontends/resnet/batch_tensors.h"
#include "frontends/resnet/stopwatch.h"

namespace ronde {
namespace {

void CheckLoss(double loss, int rank, std::int64_t step) {
  if (std::isfinite(loss)) return;
  throw Error(Status::Aborted(StrCat("rank ", rank, ", step ", step, ": the training loss is ",
                                     loss, "; lower --reference-lr or raise --warmup-epochs")));
}

// One step: forward, backward, and what the algorithm makes of the gradients. Returns the loss.
double TrainStep(const EpochContext& context, const Batch& batch, std::int64_t step,
                 double learning_rate, Stopwatch& watch, EpochRecord& record, MetricSums& sums) {
  Replica& replica = context.replica;
  replica.algorithm().BeginStep(step);
  replica.optimizer().zero_grad();
  const BatchTensors tensors = ToTensors(batch, context.dataset.traits());
  const torch::Tensor logits = replica.model()->forward(tensors.images);
  const torch::Tensor loss = torch::cross_entropy_loss(logits, tensors.labels);
  const double loss_value = loss.item<double>();
  CheckLoss(loss_value, context.session.rank(), step);
  AddBatch(sums, loss_value, logits, tensors.labels);
  record.parts.forward += watch.Lap();

  loss.backward();
  record.parts.backward += watch.Lap();

  replica.SetLearningRate(learning_rate);
  const StepReport report = replica.algorithm().FinishStep(step, learning_rate);
  record.synchronizations += report.synchronized ? 1 : 0;
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
