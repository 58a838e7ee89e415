#include "frontends/resnet/trainer.h"

#include <algorithm>
#include <string>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "frontends/resnet/evaluation.h"
#include "frontends/resnet/report.h"
#include "frontends/resnet/state_dict.h"
#include "frontends/resnet/stopwatch.h"
#include "frontends/resnet/training_epoch.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

ScheduleOptions ToScheduleOptions(const TrainOptions& options, int workers) {
  return {options.schedule == "cosine" ? ScheduleKind::kCosine : ScheduleKind::kStep,
          options.reference_lr,
          workers,
          options.batch_size,
          options.epochs,
          options.warmup_epochs,
          options.milestones,
          options.switch_epoch,
          options.local_learning_rate_scale};
}

bool IsEvaluated(const TrainOptions& options, int epoch) {
  if (options.evaluate_every == 0) return false;
  return epoch % options.evaluate_every == 0 || epoch == options.epochs;
}

std::string Counted(std::int64_t count, const std::string& noun) {
  return StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace

Trainer::Trainer(Session& session, const TrainOptions& options, const TrainingData& data,
                 RunOutput& output, const Clock& clock, int threads)
    : session_(session),
      options_(options),
      data_(data),
      output_(output),
      clock_(clock),
      threads_(threads),
      minibatch_sampler_(data.training->size(), session.size(), options.batch_size, options.seed),
      local_sampler_(data.training->size(), session.size(), options.local_batch_size, options.seed),
      schedule_(ToScheduleOptions(options, session.size())),
      progress_(ChooseProgress(options.progress, session.rank()), options.epochs, clock),
      replica_(session, options, data.training->traits(),
               options.switch_epoch * minibatch_sampler_.steps()) {}

const TrainingSampler& Trainer::SamplerOf(int epoch) const {
  return IsLocal(epoch) ? local_sampler_ : minibatch_sampler_;
}

std::int64_t Trainer::StepsBefore(int epoch) const {
  const int minibatch_epochs = std::min(epoch - 1, options_.switch_epoch);
  return minibatch_epochs * minibatch_sampler_.steps() +
         (epoch - 1 - minibatch_epochs) * local_sampler_.steps();
}

RunFacts Trainer::Facts() const {
  return {session_.size(), threads_, replica_.parameters().count(), data_.training->size(),
          data_.validation->size()};
}

void Trainer::SayStart() {
  const RunFacts facts = Facts();
  progress_.Say(StrCat("ronde-train ", VersionString(), ": ", options_.algorithm, ", ",
                       Counted(facts.workers, "worker"), " with ", Counted(threads_, "thread"),
                       facts.workers == 1 ? ", " : " each, ", options_.model, " (",
                       facts.parameters, " parameters), ", options_.dataset, " (",
                       facts.training_images, " + ", facts.validation_images, " images), ",
                       Counted(options_.epochs, "epoch"), " of ", SamplerOf(1).steps(), " steps"));
}

void Trainer::SaySwitch(int epoch) {
  if (!IsLocal(epoch) || (epoch > 1 && IsLocal(epoch - 1))) return;
  progress_.Say(StrCat("epoch ", epoch, ": the local phase begins, models are averaged every ",
                       Counted(options_.local_steps, "step")));
}

void Trainer::Run() {
  ThrowIfError(output_.Write(ConfigJson(options_, Facts())));
  SayStart();
  for (int epoch = 1; epoch <= options_.epochs; ++epoch) {
    SaySwitch(epoch);
    records_.push_back(RunEpoch(epoch));
    progress_.EndEpoch(records_.back());
    ThrowIfError(output_.Write(EpochJson(records_.back())));
  }
  if (!options_.save.empty()) Save();
  progress_.Say("\n" + FormatReport(records_));
}

EpochRecord Trainer::RunEpoch(int epoch) {
  const TrainingSampler& sampler = SamplerOf(epoch);
  const std::int64_t batch_size = IsLocal(epoch) ? options_.local_batch_size : options_.batch_size;
  const std::int64_t first_step = StepsBefore(epoch);
  EpochRecord record;
  record.epoch = epoch;
  record.algorithm = options_.algorithm;
  record.phase = Name(replica_.algorithm().phase(first_step + 1));
  record.workers = session_.size();
  record.precision = options_.precision;
  record.local_steps = IsLocal(epoch) ? options_.local_steps : 1;
  record.steps = sampler.steps();
  progress_.StartEpoch(epoch, record.steps, batch_size * session_.size());

  const std::vector<std::int64_t> images = sampler.Shard(epoch, session_.rank());
  const SessionCounters before = session_.counters();
  MetricSums sums;
  TrainEpoch({session_, replica_, *data_.training, schedule_, progress_, clock_,
              /*in_bf16=*/options_.precision == "bf16"},
             images, batch_size, {options_.seed, epoch}, first_step, record, sums);
  const SessionCounters after = session_.counters();
  record.images_per_second =
      static_cast<double>(record.steps * batch_size * session_.size()) / record.seconds;
  record.bytes_communicated = after.payload_bytes - before.payload_bytes;
  record.bytes_on_wire = after.bytes_on_wire - before.bytes_on_wire;
  record.seconds_communication_total =
      std::max(record.parts.communication, after.seconds_outstanding - before.seconds_outstanding);

  Result<MetricSums> all = SumOverRanks(session_, "training/figures", sums);
  ThrowIfError(all.status());
  record.train_loss = all.value().mean_loss();
  record.train_top1 = all.value().top1();
  if (record.worker_divergence) {  // on all ranks or on none
    Result<double> mean = MeanOverRanks(session_, "training/divergence", *record.worker_divergence);
    ThrowIfError(mean.status());
    record.worker_divergence = mean.value();
  }
  if (IsEvaluated(options_, epoch)) Evaluate(images, record);
  record.bytes_evaluation = session_.counters().payload_bytes - after.payload_bytes;
  return record;
}

void Trainer::Evaluate(const std::vector<std::int64_t>& images, EpochRecord& record) {
  progress_.StartEvaluation();
  Stopwatch watch(clock_);
  {
    Evaluation evaluation(session_, replica_, options_, *data_.training, images,
                          /*weights_agree=*/!IsLocal(record.epoch));
    const ValidationSums sums = evaluation.Run(*data_.validation);
    record.validation_loss = sums.all.mean_loss();
    record.validation_top1 = sums.all.top1();
    record.validation_top5 = sums.top5();
    record.validation_per_class = sums.per_class();
  }
  record.seconds_evaluation = watch.Lap();
}

void Trainer::Save() {
  const int epoch = options_.epochs;
  const Evaluation evaluation(session_, replica_, options_, *data_.training,
                              SamplerOf(epoch).Shard(epoch, session_.rank()),
                              /*weights_agree=*/!IsLocal(epoch));
  if (session_.rank() != 0) return;
  ThrowIfError(SaveStateDict(*replica_.model(), options_.save));
  progress_.Say(StrCat("saved the averaged model to ", options_.save));
}

}  // namespace ronde
