#pragma once

#include <limits>

#include "frontends/torch/algorithms/training_algorithm.h"
#include "frontends/torch/distributed_optimizer.h"
#include "frontends/torch/model_averager.h"
#include "frontends/torch/worker_divergence.h"

namespace ronde {

/// What the algorithms share: minibatch steps up to T, then local steps with an average after every
/// H-th, counted from T. T = 0 is local from the start, kNever is minibatch throughout; one code
/// path makes these limits agree bit for bit.
class PhasedAlgorithm : public TrainingAlgorithm {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  /// Uses all of `options` but the slow ones. Errors: Error with kInvalidArgument.
  PhasedAlgorithm(std::string_view name, const TrainingContext& context,
                  const AlgorithmOptions& options);

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] Phase phase(std::int64_t step) const override;
  void BeginStep(std::int64_t step) override;
  StepReport FinishStep(std::int64_t step, double learning_rate) override;

 protected:
  [[nodiscard]] const TrainingContext& context() const { return context_; }
  [[nodiscard]] std::int64_t switch_step() const { return switch_step_; }
  /// After each average of the weights; `learning_rate` is that of the window's last step.
  virtual void AfterAverage(double learning_rate) { static_cast<void>(learning_rate); }

 private:
  std::string_view name_;
  TrainingContext context_;
  std::int64_t switch_step_;
  DistributedOptimizer distributed_;
  ModelAverager averager_;
  WorkerDivergence divergence_;
};

}  // namespace ronde
