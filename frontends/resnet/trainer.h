#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "frontends/resnet/data/sampler.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/resnet/log_json.h"
#include "frontends/resnet/options.h"
#include "frontends/resnet/progress.h"
#include "frontends/resnet/replica.h"
#include "frontends/resnet/run_output.h"
#include "frontends/resnet/schedule.h"
#include "frontends/resnet/training_data.h"
#include "frontends/session/session.h"

namespace ronde {

/// One rank's whole run: epochs, evaluations, log, table, saved model. Thread rule: one thread.
class Trainer {
 public:
  /// Collective. All references must outlive this. Errors: Error.
  Trainer(Session& session, const TrainOptions& options, const TrainingData& data,
          RunOutput& output, const Clock& clock, int threads);

  /// Collective. Errors: Error.
  void Run();

 private:
  [[nodiscard]] RunFacts Facts() const;
  void SayStart();
  void SaySwitch(int epoch);
  [[nodiscard]] bool IsLocal(int epoch) const { return epoch > options_.switch_epoch; }
  [[nodiscard]] const TrainingSampler& SamplerOf(int epoch) const;
  [[nodiscard]] std::int64_t StepsBefore(int epoch) const;
  [[nodiscard]] EpochRecord RunEpoch(int epoch);
  void Evaluate(const std::vector<std::int64_t>& images, EpochRecord& record);
  void Save();

  Session& session_;
  const TrainOptions& options_;
  const TrainingData& data_;
  RunOutput& output_;
  const Clock& clock_;
  int threads_;
  TrainingSampler minibatch_sampler_;
  TrainingSampler local_sampler_;
  LearningRateSchedule schedule_;
  Progress progress_;
  Replica replica_;
  std::vector<EpochRecord> records_;
};

}  // namespace ronde
