#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/model_averager.h"

namespace ronde {

struct AlgorithmOptions {
  std::int64_t local_steps = 4;  ///< H, at least 1
  std::int64_t switch_step = 0;  ///< T in steps, at least 0: the last minibatch step
  MomentumAtAverage momentum = MomentumAtAverage::kKeep;
  double slow_momentum = 0.5;  ///< beta
  double slow_lr = 1;          ///< alpha
};

/// How the ranks of a step work together.
enum class Phase {
  kMinibatch,  ///< gradients are averaged at every step
  kLocal,      ///< steps are independent; weights are averaged every H steps
};
/// "minibatch" or "local".
[[nodiscard]] std::string_view Name(Phase phase);

/// What one step cost and did.
struct StepReport {
  double seconds_optimizer = 0;      ///< the optimizer's step and the algorithm's own arithmetic
  double seconds_communication = 0;  ///< exposed: waiting for gradients or for the average
  bool synchronized = false;         ///< gradients or weights were averaged in this step
  /// ||w - mean(w)|| / ||mean(w)|| of this rank, in steps that average the weights.
  std::optional<double> worker_divergence;
};

/// One way of training K workers together. Steps count from 1 and run across epochs:
///   algorithm.BeginStep(t); zero_grad; forward; backward; algorithm.FinishStep(t, lr);
/// The same on all ranks. The caller sets the optimizer's learning rate before FinishStep.
/// Errors: Error. Thread rule: one thread at a time.
class TrainingAlgorithm {
 public:
  virtual ~TrainingAlgorithm() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Phase phase(std::int64_t step) const = 0;
  /// Before the backward pass: turns the gradient hooks on or off.
  virtual void BeginStep(std::int64_t step) = 0;
  /// After the backward pass: synchronises or not, steps the optimizer, averages when due.
  virtual StepReport FinishStep(std::int64_t step, double learning_rate) = 0;
};

/// What an algorithm works on; everything must outlive it. All ranks start from equal weights
/// (BroadcastParameters); `parameters` are those of `module`.
struct TrainingContext {
  Session& session;
  torch::nn::Module& module;
  torch::optim::SGD& optimizer;
  FlatParameters& parameters;
};

/// An entry of the table of algorithms, and which options have a meaning for it.
struct AlgorithmSpec {
  std::string_view name;  ///< as users write it: "post-local"
  std::string_view summary;
  bool uses_local_steps = false;
  bool uses_switch_step = false;
  bool uses_momentum_at_average = false;
  bool uses_slow_momentum = false;  ///< slow_momentum and slow_lr
  /// Errors: Error with kInvalidArgument for an option out of range.
  std::unique_ptr<TrainingAlgorithm> (*create)(const TrainingContext& context,
                                               const AlgorithmOptions& options) = nullptr;
};

/// Null when there is none of that name.
[[nodiscard]] const AlgorithmSpec* FindAlgorithm(std::string_view name);
/// In the order of the table: minibatch, local, post-local, slowmo.
[[nodiscard]] std::vector<std::string_view> AlgorithmNames();

}  // namespace ronde
