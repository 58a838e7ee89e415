#include "frontends/resnet/trainer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "frontends/resnet/agreed_error.h"
#include "frontends/resnet/checkpoint/figures.h"
#include "frontends/resnet/checkpoint/traffic_meter.h"
#include "frontends/resnet/report.h"
#include "frontends/resnet/stopwatch.h"
#include "frontends/resnet/weights/model_weights.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

ScheduleOptions ToScheduleOptions(const TrainOptions& options) {
  return {options.schedule == "cosine" ? ScheduleKind::kCosine : ScheduleKind::kStep,
          options.reference_lr,
          options.workers,
          options.batch_size * options.accumulation_steps,
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

TrainingSampler MakeSampler(const TrainOptions& options, const TrainingData& data, int batch_size) {
  return {data.training->size(), options.workers,
          std::int64_t{batch_size} * options.accumulation_steps, options.seed};
}

std::string Counted(std::int64_t count, const std::string& noun) {
  return StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace

Trainer::Trainer(Session& session, const TrainOptions& options, const TrainingData& data,
                 const CheckpointPlan& plan, const ComputePlace& place, RunOutput& output,
                 const Clock& clock, int threads)
    : session_(session),
      options_(options),
      data_(data),
      plan_(plan),
      place_(place),
      output_(output),
      clock_(clock),
      threads_(threads),
      minibatch_sampler_(MakeSampler(options, data, options.batch_size)),
      local_sampler_(MakeSampler(options, data, options.local_batch_size)),
      schedule_(ToScheduleOptions(options)),
      progress_(ChooseProgress(options.progress, session.rank()), options.epochs, clock),
      replica_(session, options, data.training->traits(),
               options.switch_epoch * minibatch_sampler_.steps(), place.device),
      safekeeper_(session, replica_, options.checkpoint, plan, options.local_steps) {
  if (!options.has_stand_in()) return;
  const std::chrono::duration<double, std::milli> duration(options.compute_time_ms);
  stand_in_.emplace(*replica_.model(),
                    std::chrono::duration_cast<ComputeStandIn::Duration>(duration));
}

const TrainingSampler& Trainer::SamplerOf(int epoch) const {
  return IsLocal(epoch) ? local_sampler_ : minibatch_sampler_;
}

std::int64_t Trainer::StepsBefore(int epoch) const {
  const int minibatch_epochs = std::min(epoch - 1, options_.switch_epoch);
  return minibatch_epochs * minibatch_sampler_.steps() +
         (epoch - 1 - minibatch_epochs) * local_sampler_.steps();
}

RunFacts Trainer::Facts() const {
  return {
      session_.size(),          threads_,   replica_.parameters().count(), data_.training->size(),
      data_.validation->size(), place_.name};
}

void Trainer::SayStart() {
  const RunFacts facts = Facts();
  const std::string ranks =
      options_.workers == facts.ranks ? "" : StrCat(" on ", Counted(facts.ranks, "rank"));
  progress_.Say(StrCat("ronde-train ", VersionString(), ": ", options_.algorithm, ", ",
                       Counted(options_.workers, "worker"), ranks, " with ",
                       Counted(threads_, "thread"), facts.ranks == 1 ? ", " : " each, ",
                       place_.on_device() ? StrCat(place_.name, ", ") : "",
                       options_.deterministic ? "deterministic, " : "",
                       stand_in_ ? StrCat(ComputeText(options_), " in place of ") : "",
                       options_.model, " (", facts.parameters, " parameters), ", options_.dataset,
                       " (", facts.training_images, " + ", facts.validation_images, " images), ",
                       Counted(options_.epochs, "epoch"), " of ", SamplerOf(1).steps(), " steps"));
  if (!plan_.start.empty()) progress_.Say(plan_.start);
}

void Trainer::SaySwitch(int epoch) {
  if (!IsLocal(epoch) || (epoch > 1 && IsLocal(epoch - 1))) return;
  progress_.Say(StrCat("epoch ", epoch, ": the local phase begins, models are averaged every ",
                       Counted(options_.local_steps, "step")));
}

int Trainer::Run() {
  EpochProgress progress = plan_.resume ? Resume() : NewEpoch(1);
  ThrowIfError(output_.Write(ConfigJson(options_, Facts())));
  for (const EpochRecord& record : records_) ThrowIfError(output_.Write(EpochJson(record)));
  SayStart();
  while (progress.record.epoch <= options_.epochs) {
    SaySwitch(progress.record.epoch);
    if (!RunEpoch(progress)) return SayStopped();
    const bool was_last = progress.record.epoch == options_.epochs;
    if (!was_last && safekeeper_.stop_signal() != 0) return SayStopped();
    progress = NewEpoch(progress.record.epoch + 1);
  }
  if (!options_.save.empty()) Save();
  progress_.Say("\n" + FormatReport(records_));
  return 0;
}

EpochProgress Trainer::NewEpoch(int epoch) {
  EpochProgress progress(replica_.workers().count());
  EpochRecord& record = progress.record;
  record.epoch = epoch;
  record.algorithm = options_.algorithm;
  record.phase = Name(replica_.algorithm().phase(StepsBefore(epoch) + 1));
  record.workers = options_.workers;
  record.precision = options_.precision;
  record.local_steps = IsLocal(epoch) ? options_.local_steps : 1;
  record.steps = SamplerOf(epoch).steps();
  return progress;
}

EpochProgress Trainer::Resume() {
  const Manifest& manifest = plan_.resume->manifest;
  const Status restored = session_.AgreeOnStatus(Restore(*plan_.resume, replica_));
  if (!restored.ok()) throw AgreedError(restored);
  records_ = manifest.records;
  EpochProgress progress = NewEpoch(manifest.epochs_completed + 1);
  const std::int64_t step = StepsBefore(progress.record.epoch) + manifest.step_in_epoch;
  if (step != manifest.step || manifest.step_in_epoch > progress.record.steps) {
    throw AgreedError(Status::InvalidArgument(StrCat("--resume: ", plan_.resume->folder, ": step ",
                                                     manifest.step, " is not where epochs of ",
                                                     progress.record.steps, " steps get to")));
  }
  if (!manifest.running) return progress;
  progress.steps_done = manifest.step_in_epoch;
  progress.record = manifest.running->record;
  progress.figures.by_worker =
      SumsOfWorkers(manifest, replica_.first_worker(), replica_.workers().count());
  progress.figures.divergences = DivergencesOfRank(manifest, session_.rank(), session_.size());
  return progress;
}

// False: stopped before the epoch's end.
bool Trainer::RunEpoch(EpochProgress& progress) {
  TrainLeft(progress);
  if (safekeeper_.stop_signal() != 0) {
    // One that came with the last steps: it need not wait for the evaluation.
    if (saved_at_ != StepsBefore(progress.record.epoch) + progress.steps_done) SaveRun(&progress);
    return false;
  }
  EndEpoch(progress);
  SaveRun(nullptr);
  safekeeper_.Vote();
  return true;
}

void Trainer::TrainLeft(EpochProgress& progress) {
  const int epoch = progress.record.epoch;
  const std::int64_t batch_size = IsLocal(epoch) ? options_.local_batch_size : options_.batch_size;
  const std::int64_t images_per_step = batch_size * options_.accumulation_steps * options_.workers;
  const std::int64_t first_step = StepsBefore(epoch);
  progress_.StartEpoch(epoch, progress.record.steps, images_per_step, progress.steps_done);

  TrafficMeter meter(session_, safekeeper_.vote());
  const auto after_step = [&](const std::function<void()>& settle) {
    const bool is_last = progress.steps_done == progress.record.steps;
    if (safekeeper_.IsDue(first_step + progress.steps_done, is_last)) {
      settle();
      meter.AddTo(progress.record);
      SaveRun(&progress);
      meter.Skip();
    }
    return safekeeper_.stop_signal() == 0;
  };
  const int workers_here = replica_.workers().count();
  TrainEpoch({session_, replica_, *data_.training, schedule_, progress_, clock_, place_,
              options_.accumulation_steps, /*in_bf16=*/options_.precision == "bf16",
              stand_in_ ? &*stand_in_ : nullptr, after_step},
             SamplerOf(epoch).Shard(epoch, replica_.first_worker(), workers_here), batch_size,
             {options_.seed, epoch}, first_step, progress);
  safekeeper_.Settle();
  meter.AddTo(progress.record);
  progress.record.images_per_second =
      static_cast<double>(progress.record.steps * images_per_step) / progress.record.seconds;
}

void Trainer::EndEpoch(EpochProgress& progress) {
  EpochRecord& record = progress.record;
  record.seconds_communication_total =
      std::max(record.parts.communication, record.seconds_communication_total);
  const std::uint64_t payload_before = session_.counters().payload_bytes;
  SumFigures(progress.figures, record);
  if (IsEvaluated(options_, record.epoch)) Evaluate(record);
  record.bytes_evaluation = session_.counters().payload_bytes - payload_before;
  records_.push_back(record);
  progress_.EndEpoch(record);
  ThrowIfError(output_.Write(EpochJson(record)));
}

// `running`: the epoch under way; null between epochs.
void Trainer::SaveRun(const EpochProgress* running) {
  Manifest manifest;
  manifest.records = records_;
  manifest.epochs_completed = static_cast<int>(records_.size());
  if (running != nullptr) {
    manifest.step_in_epoch = running->steps_done;
    manifest.running = {running->record, running->figures.by_worker, running->figures.divergences};
  }
  manifest.step = StepsBefore(manifest.epochs_completed + 1) + manifest.step_in_epoch;
  saved_at_ = manifest.step;
  safekeeper_.Save(std::move(manifest));
}

int Trainer::SayStopped() {
  if (session_.rank() == 0) {
    std::fprintf(stderr, "ronde-train: %s\n", safekeeper_.Farewell(saved_at_).c_str());
  }
  return safekeeper_.stop_signal();
}

void Trainer::SumFigures(const EpochFigures& figures, EpochRecord& record) {
  Result<MetricSums> all = SumOverRanks(session_, "training/figures", AddUp(figures.by_worker));
  ThrowIfError(all.status());
  if (!stand_in_) {
    record.train_loss = all.value().mean_loss();
    record.train_top1 = all.value().top1();
  }
  if (figures.divergences.empty()) return;  // on all ranks or on none
  Result<double> mean = MeanOverRanks(session_, "training/divergence", figures.divergences);
  ThrowIfError(mean.status());
  record.worker_divergence = mean.value();
}

ImagesOf Trainer::ImagesOfWorkers(int epoch) const {
  return [this, epoch](int worker) {
    return SamplerOf(epoch).Shard(epoch, replica_.first_worker() + worker);
  };
}

void Trainer::Evaluate(EpochRecord& record) {
  progress_.StartEvaluation();
  Stopwatch watch(clock_);
  {
    Evaluation evaluation(session_, replica_, options_, place_, *data_.training,
                          ImagesOfWorkers(record.epoch),
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
  const Evaluation evaluation(session_, replica_, options_, place_, *data_.training,
                              ImagesOfWorkers(epoch),
                              /*weights_agree=*/!IsLocal(epoch));
  if (session_.rank() != 0) return;
  const Status saved = SaveWeights(*replica_.model(), options_.save);
  if (!saved.ok()) throw Error(Status(saved.code(), StrCat("--save: ", saved.message())));
  progress_.Say(StrCat("saved the averaged model to ", options_.save));
}

}  // namespace ronde
