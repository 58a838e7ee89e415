#include "frontends/resnet/training_epoch.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/autocast.h"
#include "frontends/resnet/batch_feed.h"
#include "frontends/resnet/figure_readback.h"
#include "frontends/resnet/part_clock.h"
#include "frontends/torch/non_finite.h"

namespace ronde {
namespace {

// What the steps of an epoch share.
struct Progression {
  const EpochContext& context;
  BatchFeed& feed;
  PartClock& clock;
  FigureReadback* readback;  // null on the CPU, where figures are there at once
  EpochRecord& record;
  EpochFigures& figures;
  std::vector<at::Tensor>& divergences;  // on the device, not yet read
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
  const Autocast autocast(context.in_bf16, context.place.device.type());
  const torch::Tensor logits = context.replica.model()->forward(batch.images);
  return {logits, torch::cross_entropy_loss(logits, batch.labels)};
}

// Returns what is to be passed backward.
torch::Tensor StandIn(const Progression& run, const FedBatch& batch) {
  return run.context.stand_in->Forward(batch.labels, run.context.dataset.traits().classes);
}

// The same, and counts loss and hits, or sees to it that they are counted.
torch::Tensor ForwardAndCount(const Progression& run, const FedBatch& batch, std::int64_t step,
                              int worker) {
  const BatchTensors& tensors = batch.tensors;
  const auto [logits, loss] = Forward(run.context, tensors);
  if (run.readback != nullptr) {
    run.readback->Take(step, worker, loss, logits, tensors.labels);
    return loss;
  }
  const double loss_value = loss.item<double>();
  CheckLoss(loss_value, step, worker, run.context);
  AddBatch(run.figures.by_worker[static_cast<std::size_t>(worker)], loss_value, logits,
           tensors.labels);
  return loss;
}

// The loss of a batch whose backward pass has been called.
double LossOf(const Progression& run, const torch::Tensor& loss) {
  if (run.readback == nullptr) return loss.item<double>();
  run.readback->Settle();
  return run.readback->loss();
}

// One batch of the active worker, whose gradients are added to those there are. Returns the loss.
double Pass(const Progression& run, std::int64_t step, int worker) {
  const FedBatch& batch = *run.feed.Next();
  run.clock.Lap(&StepSeconds::data);
  const torch::Tensor loss = run.context.stand_in != nullptr
                                 ? StandIn(run, batch)
                                 : ForwardAndCount(run, batch, step, worker);
  run.clock.Lap(&StepSeconds::forward);

  const int passes = run.context.accumulation_steps;
  (passes == 1 ? loss : loss / passes).backward();
  run.clock.Lap(&StepSeconds::backward);
  const double loss_value = LossOf(run, loss);
  if (run.context.place.on_device()) {
    run.feed.Prefetch();
    run.clock.Lap(&StepSeconds::data);
  }
  return loss_value;
}

void FinishStep(const Progression& run, std::int64_t step, double learning_rate) {
  const StepReport report = run.context.replica.algorithm().FinishStep(step, learning_rate);
  run.record.synchronizations += report.synchronized ? 1 : 0;
  if (report.worker_divergence) run.figures.divergences.push_back(*report.worker_divergence);
  if (report.worker_divergence_on_device.defined()) {
    run.divergences.push_back(report.worker_divergence_on_device);
  }
  run.clock.FinishStep(report);
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
    run.clock.Lap(&StepSeconds::optimizer);
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

// What the replica's algorithm and its hooks call during an epoch on a device.
class Observation {
 public:
  Observation(Replica& replica, FigureReadback& readback, PartClock& clock) : replica_(replica) {
    replica.observers() = {[&readback] { readback.Settle(); },
                           [&clock](StepPart part) {
                             clock.Lap(part == StepPart::kCommunication
                                           ? &StepSeconds::communication
                                           : &StepSeconds::optimizer);
                           }};
  }
  ~Observation() { replica_.observers() = {}; }
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

 private:
  Replica& replica_;
};

FigureReadback MakeReadback(const EpochContext& context, EpochFigures& figures) {
  return FigureReadback([&context, &figures](const BatchFigures& batch) {
    CheckLoss(batch.loss, batch.step, batch.worker, context);
    const auto images = static_cast<double>(batch.images);
    figures.by_worker[static_cast<std::size_t>(batch.worker)] +=
        {batch.loss * images, batch.correct, images};
  });
}

void TrainSteps(const Progression& run, std::int64_t first_step, EpochProgress& progress) {
  const EpochContext& context = run.context;
  EpochRecord& record = run.record;
  const auto settle = [&run] {
    run.clock.Update(/*wait=*/true);
    for (const at::Tensor& divergence : run.divergences) {
      run.figures.divergences.push_back(divergence.item<double>());
    }
    run.divergences.clear();
  };
  bool goes_on = true;
  while (goes_on && progress.steps_done < record.steps) {
    record.learning_rate = context.schedule.At(record.epoch, progress.steps_done, record.steps);
    const double loss = TrainStep(run, first_step + progress.steps_done + 1, record.learning_rate);
    ++progress.steps_done;
    context.progress.Step(progress.steps_done,
                          context.stand_in != nullptr ? std::nullopt : std::optional(loss));
    run.clock.Lap(&StepSeconds::data);
    run.clock.Update(/*wait=*/false);
    goes_on = context.after_step(settle);
    run.clock.Skip();
  }
  settle();
}

}  // namespace

void TrainEpoch(const EpochContext& context, const std::vector<std::int64_t>& images,
                std::int64_t batch_size, const AugmentationSeed& augmentation,
                std::int64_t first_step, EpochProgress& progress) {
  context.replica.model()->train();
  EpochRecord& record = progress.record;
  const bool on_device = context.place.on_device();
  const std::unique_ptr<PartClock> clock = on_device ? MakeDeviceClock(context.place.device, record)
                                                     : MakeHostClock(context.clock, record);
  BatchFeed feed(context.place, context.dataset, Left(images, progress), batch_size, augmentation);
  FigureReadback readback = MakeReadback(context, progress.figures);
  std::optional<Observation> observation;
  if (on_device) observation.emplace(context.replica, readback, *clock);
  std::vector<at::Tensor> divergences;
  const Progression run{
      context,          feed,       *clock, on_device ? &readback : nullptr, record,
      progress.figures, divergences};
  clock->Lap(&StepSeconds::data);
  TrainSteps(run, first_step, progress);
}

}  // namespace ronde
