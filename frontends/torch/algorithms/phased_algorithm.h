#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "frontends/torch/algorithms/training_algorithm.h"
#include "frontends/torch/classic_sgd.h"
#include "frontends/torch/distributed_optimizer.h"
#include "frontends/torch/gradient_sum.h"
#include "frontends/torch/local_average.h"
#include "frontends/torch/local_workers.h"
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
  void NextWorker(std::int64_t step) override;
  StepReport FinishStep(std::int64_t step, double learning_rate) override;

 protected:
  [[nodiscard]] const TrainingContext& context() const { return context_; }
  [[nodiscard]] std::int64_t switch_step() const { return switch_step_; }
  /// After each average of the weights; `learning_rate` is that of the window's last step.
  virtual void AfterAverage(double learning_rate) { static_cast<void>(learning_rate); }

 private:
  void FinishWorker(std::int64_t step);
  void ClipGradients();
  // Runs `what` and adds its duration to `seconds`, as one stretch of `part`.
  template <typename Function>
  void Spend(StepPart part, double& seconds, const Function& what);
  void Average(std::int64_t step, double learning_rate, StepReport& report);
  [[nodiscard]] bool SumsGradientsHere(std::int64_t step) const;

  std::string_view name_;
  TrainingContext context_;
  std::int64_t switch_step_;
  double max_gradient_norm_;
  std::unique_ptr<LocalWorkers> owned_workers_;  // where the context has none
  LocalWorkers& workers_;
  DistributedOptimizer distributed_;
  GradientSum gradient_sum_;
  ModelAverager averager_;
  LocalAverage local_average_;
  WorkerDivergence divergence_;
  ClassicSgd* classic_;                          // null for any other optimizer
  std::vector<double> previous_learning_rates_;  // of classic_, as every worker's step finds them
};

}  // namespace ronde
