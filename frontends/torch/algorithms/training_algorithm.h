#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/local_workers.h"
#include "frontends/torch/model_averager.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

struct AlgorithmOptions {
  std::int64_t local_steps = 4;  ///< H, at least 1
  std::int64_t switch_step = 0;  ///< T in steps, at least 0: the last minibatch step
  MomentumAtAverage momentum = MomentumAtAverage::kKeep;
  double slow_momentum = 0.5;  ///< beta
  double slow_lr = 1;          ///< alpha
  /// Gradients are scaled down to this Euclidean norm over all parameters, after they have been
  /// averaged (minibatch) or worker by worker (local); 0: never.
  double max_gradient_norm = 0;
  /// Backward passes of each worker per step; their gradients add up and are averaged over workers
  /// after the last. The caller scales the loss.
  int accumulation_steps = 1;
};

/// How the ranks of a step work together.
enum class Phase {
  kMinibatch,  ///< gradients are averaged at every step
  kLocal,      ///< steps are independent; weights are averaged every H steps
};
/// "minibatch" or "local".
[[nodiscard]] std::string_view Name(Phase phase);

/// What a stretch of FinishStep or NextWorker was spent on.
enum class StepPart {
  kOptimizer,      ///< the optimizer's step and the algorithm's own arithmetic
  kCommunication,  ///< exposed: waiting for gradients or for the average
};

/// What one step cost and did.
struct StepReport {
  double seconds_optimizer = 0;      ///< the optimizer's step and the algorithm's own arithmetic
  double seconds_communication = 0;  ///< exposed: waiting for gradients or for the average
  bool synchronized = false;         ///< gradients or weights were averaged in this step
  /// ||w - mean(w)|| / ||mean(w)||, in steps that average the weights; the mean over this rank's
  /// workers. Of weights on the CPU.
  std::optional<double> worker_divergence;
  /// The same, of weights on a device: a float64 tensor there, to be read when somebody waits for
  /// the device anyhow.
  at::Tensor worker_divergence_on_device;
};

/// One way of training K workers together. Steps count from 1 and run across epochs:
///   algorithm.BeginStep(t); zero_grad; forward; backward; algorithm.FinishStep(t, lr);
/// The same on all ranks. The caller sets the optimizer's learning rate before BeginStep.
///
/// A rank that plays several workers goes through them within the step:
///   algorithm.BeginStep(t);  // worker 0
///   for each worker w { if (w > 0) algorithm.NextWorker(t); zero_grad; forward; backward; }
///   algorithm.FinishStep(t, lr);
/// Sums over workers are in binary-tree order over their indices (rank x workers + w).
/// Errors: Error. Thread rule: one thread at a time.
class TrainingAlgorithm {
 public:
  virtual ~TrainingAlgorithm() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Phase phase(std::int64_t step) const = 0;
  /// Before the first worker's zero_grad: turns the gradient hooks on or off, makes worker 0
  /// active.
  virtual void BeginStep(std::int64_t step) = 0;
  /// Between two workers of this rank: finishes the active one's part and makes the next active.
  virtual void NextWorker(std::int64_t step) = 0;
  /// After the last backward pass: synchronises or not, steps the optimizer, averages when due.
  virtual StepReport FinishStep(std::int64_t step, double learning_rate) = 0;
  /// What lives on between steps beside weights, momentum and buffers, by name and for a checkpoint
  /// (slowmo: "slowmo.anchor", "slowmo.slow_buffer", flat and equal on all ranks). The tensors are
  /// the state itself: copying values into them restores it. Empty for most algorithms.
  [[nodiscard]] virtual NamedTensors State() { return {}; }
};

/// What an algorithm works on; everything must outlive it. All ranks start from equal weights
/// (BroadcastParameters); `parameters` are those of `module`.
struct TrainingContext {
  Session& session;
  torch::nn::Module& module;
  torch::optim::SGD& optimizer;
  FlatParameters& parameters;
  /// The workers of this rank; null: one, which is `module` as it is.
  LocalWorkers* workers = nullptr;
  /// As DistributedOptimizerOptions::before_sending.
  std::function<void()> before_sending;
  /// Called at the end of each stretch of FinishStep, so that what happens on a device meanwhile
  /// can be told apart; the report's seconds are the host's.
  std::function<void(StepPart)> after_part;
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
