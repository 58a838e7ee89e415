#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "frontends/resnet/checkpoint/prepare.h"
#include "frontends/resnet/checkpoint/safekeeper.h"
#include "frontends/resnet/compute_place.h"
#include "frontends/resnet/compute_stand_in.h"
#include "frontends/resnet/data/sampler.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/resnet/evaluation.h"
#include "frontends/resnet/log_json.h"
#include "frontends/resnet/options.h"
#include "frontends/resnet/progress.h"
#include "frontends/resnet/replica.h"
#include "frontends/resnet/run_output.h"
#include "frontends/resnet/schedule.h"
#include "frontends/resnet/training_data.h"
#include "frontends/resnet/training_epoch.h"
#include "frontends/session/session.h"

namespace ronde {

/// One rank's whole run: epochs, evaluations, log, table, saved model. Thread rule: one thread.
class Trainer {
 public:
  /// Collective. All references must outlive this. `plan`: where to start from. Errors: Error.
  Trainer(Session& session, const TrainOptions& options, const TrainingData& data,
          const CheckpointPlan& plan, const ComputePlace& place, RunOutput& output,
          const Clock& clock, int threads);

  /// Collective. Returns 0, or the signal that has stopped the run early, the same on all ranks.
  /// Errors: Error.
  [[nodiscard]] int Run();

 private:
  [[nodiscard]] RunFacts Facts() const;
  void SayStart();
  void SaySwitch(int epoch);
  [[nodiscard]] bool IsLocal(int epoch) const { return epoch > options_.switch_epoch; }
  [[nodiscard]] const TrainingSampler& SamplerOf(int epoch) const;
  [[nodiscard]] std::int64_t StepsBefore(int epoch) const;
  [[nodiscard]] EpochProgress NewEpoch(int epoch);
  [[nodiscard]] EpochProgress Resume();
  void TrainLeft(EpochProgress& progress);
  void EndEpoch(EpochProgress& progress);
  [[nodiscard]] bool RunEpoch(EpochProgress& progress);
  void SaveRun(const EpochProgress* running);
  [[nodiscard]] int SayStopped();
  void SumFigures(const EpochFigures& figures, EpochRecord& record);
  [[nodiscard]] ImagesOf ImagesOfWorkers(int epoch) const;
  void Evaluate(EpochRecord& record);
  void Save();

  Session& session_;
  const TrainOptions& options_;
  const TrainingData& data_;
  const CheckpointPlan& plan_;
  const ComputePlace& place_;
  RunOutput& output_;
  const Clock& clock_;
  int threads_;
  TrainingSampler minibatch_sampler_;
  TrainingSampler local_sampler_;
  LearningRateSchedule schedule_;
  Progress progress_;
  Replica replica_;
  std::optional<ComputeStandIn> stand_in_;
  Safekeeper safekeeper_;
  std::vector<EpochRecord> records_;
  std::int64_t saved_at_ = -1;  // the step
};

}  // namespace ronde
