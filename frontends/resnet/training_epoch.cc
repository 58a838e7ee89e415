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

// What the steps of an epoch share.
struct Progression {
  const EpochContext& context;
  BatchLoader& loader;
  Stopwatch& watch;
  EpochRecord& record;
  EpochFigures& figures;
};

struct Outcome {
  torch::Tensor logits;
  torch::Tensor loss;
};

void CheckLoss(double loss, std::int64_t step, int worker, const EpochContext& context) {
  if (std::isfinite(loss)) return;
  const std::optional<NonFinite> found = FirstNonFinite(*context.replica.model());
  const std::string tensor =
      found ? Describe(*found) : "all weights are finite: the forward pass overflowed";
  throw Error(Status::Aborted(
      StrCat("rank ", context.session.rank(), ": step ", step, ": the training loss of worker ",
             context.replica.first_worker() + worker, " is ", std::isnan(loss) ? "nan" : "infinite",
             " (", tensor, "); lower --reference-lr or raise --warmup-epochs")));
}

Outcome Forward(const EpochContext& context, const BatchTensors& batch) {
  const Autocast autocast(context.in_bf16);
  const torch::Tensor logits = context.replica.model()->forward(batch.images);
  return {logits, torch::cross_entropy_loss(logits, batch.labels)};
}

// Returns what is to be passed backward.
torch::Tensor StandIn(const Progression& run, const Batch& batch) {
  return run.context.stand_in->Forward(batch.labels, run.context.dataset.traits().classes);
}

// The same, and counts loss and hits.
torch::Tensor ForwardAndCount(const Progression& run, const Batch& batch, std::int64_t step,
                              int worker) {
  const BatchTensors tensors = ToTensors(batch, run.context.dataset.traits());
  const auto [logits, loss] = Forward(run.context, tensors);
  const double loss_value = loss.item<double>();
  CheckLoss(loss_value, step, worker, run.context);
  AddBatch(run.figures.by_worker[static_cast<std::size_t>(worker)], loss_value, logits,
           tensors.labels);
  return loss;
}

// One batch of the active worker, whose gradients are added to those there are. Returns the loss.
double Pass(const Progression& run, std::int64_t step, int worker) {
  const Batch& batch = *run.loader.Next();
  run.record.parts.data += run.watch.Lap();
  const torch::Tensor loss = run.context.stand_in != nullptr
                                 ? StandIn(run, batch)
                                 : ForwardAndCount(run, batch, step, worker);
  run.record.parts.forward += run.watch.Lap();

  const int passes = run.context.accumulation_steps;
  (passes == 1 ? loss : loss / passes).backward();
  run.record.parts.backward += run.watch.Lap();
  return loss.item<double>();
}

void FinishStep(const Progression& run, std::int64_t step, double learning_rate) {
  const StepReport report = run.context.replica.algorithm().FinishStep(step, learning_rate);
  run.record.synchronizations += report.synchronized ? 1 : 0;
  if (report.worker_divergence) run.figures.divergences.push_back(*report.worker_divergence);
  run.record.parts.communication += report.seconds_communication;
  run.record.parts.optimizer += run.watch.Lap() - report.seconds_communication;
}

// One step of each of this rank's workers. Returns their mean loss, zero with a stand-in.
double TrainStep(const Progression& run, std::int64_t step, double learning_rate) {
  Replica& replica = run.context.replica;
  const int workers = replica.workers().count();
  const int passes = run.context.accumulation_steps;
  double loss = 0;
  replica.SetLearningRate(learning_rate);
  for (int worker = 0; worker < workers; ++worker) {
    if (worker == 0) {
      replica.algorithm().BeginStep(step);
    } else {
      replica.algorithm().NextWorker(step);
    }
    replica.optimizer().zero_grad();
    run.record.parts.optimizer += run.watch.Lap();
    for (int pass = 0; pass < passes; ++pass) loss += Pass(run, step, worker);
  }
  FinishStep(run, step, learning_rate);
  return loss / (workers * passes);
}

// The images of the steps that are left.
std::vector<std::int64_t> Left(const std::vector<std::int64_t>& images,
                               const EpochProgress& progress) {
  const auto images_per_step = static_cast<std::int64_t>(images.size()) / progress.record.steps;
  return {images.begin() + progress.steps_done * images_per_step, images.end()};
}

}  // namespace

void TrainEpoch(const EpochContext& context, const std::vector<std::int64_t>& images,
                std::int64_t batch_size, const AugmentationSeed& augmentation,
                std::int64_t first_step, EpochProgress& progress) {
  context.replica.model()->train();
  EpochRecord& record = progress.record;
  const double seconds_before = record.seconds;
  Stopwatch watch(context.clock);
  BatchLoader loader(context.dataset, Left(images, progress), batch_size, augmentation);
  const Progression run{context, loader, watch, record, progress.figures};
  record.parts.data += watch.Lap();
  const bool stands_in = context.stand_in != nullptr;
  bool goes_on = true;
  while (goes_on && progress.steps_done < record.steps) {
    record.learning_rate = context.schedule.At(record.epoch, progress.steps_done, record.steps);
    const double loss = TrainStep(run, first_step + progress.steps_done + 1, record.learning_rate);
    ++progress.steps_done;
    context.progress.Step(progress.steps_done, stands_in ? std::nullopt : std::optional(loss));
    record.parts.data += watch.Lap();
    record.seconds = seconds_before + watch.Total();
    goes_on = context.after_step();
    watch.Skip();
  }
}

}  // namespace ronde
