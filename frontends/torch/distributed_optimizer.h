#pragma once

#include <memory>
#include <string>

#include <torch/torch.h>

#include "core/base/types.h"
#include "frontends/session/session.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {

struct DistributedOptimizerOptions {
  ReduceOp op = ReduceOp::kAverage;
  /// Precedes every parameter's name; needed where two optimizers' parameters share names.
  std::string name_prefix;
};

/// Averages gradients over all ranks during the backward pass, then steps any torch optimizer.
///
/// A hook on each parameter submits its gradient as soon as it is accumulated, under the
/// parameter's name, so communication overlaps the rest of the backward pass and ranks may produce
/// gradients in different orders. Step() waits for all of them. A parameter without a gradient on
/// this rank contributes zeros (so ranks never wait for each other's unused branches) and receives
/// the others' average, which is zero where nobody had one.
///
/// Errors: Error. One backward pass per Step(): a gradient that arrives twice is kInvalidArgument;
/// accumulate with SkipSynchronize around all passes but the last.
/// Thread rule: one thread at a time; hooks may run on autograd's threads.
class DistributedOptimizer {
 public:
  /// Covers the tensors of `parameters` that require a gradient. All references must outlive this.
  DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                       const NamedTensors& parameters, DistributedOptimizerOptions options = {});
  DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                       const torch::nn::Module& module, DistributedOptimizerOptions options = {});
  /// Removes the hooks. Gradients still in flight keep their memory until they have arrived.
  ~DistributedOptimizer();
  DistributedOptimizer(const DistributedOptimizer&) = delete;
  DistributedOptimizer& operator=(const DistributedOptimizer&) = delete;

  /// Submits what no hook has submitted and waits until every gradient is the average over ranks.
  /// A second call before the next backward pass does nothing, so gradients may be clipped between
  /// Synchronize() and Step(). Does nothing while synchronising is off.
  void Synchronize();

  /// Synchronize(), then the optimizer's step.
  void Step();

  /// Gradients to undefined, as Optimizer::zero_grad(); forgets a synchronisation without a step.
  /// Error: kInvalidArgument while gradients are in flight (call Synchronize() or Step() first).
  void ZeroGrad();

  /// While off, gradients stay local: hooks submit nothing and Step() only steps.
  /// Error: kInvalidArgument when changed while gradients are in flight.
  void set_synchronizing(bool on);
  [[nodiscard]] bool synchronizing() const;

  [[nodiscard]] torch::optim::Optimizer& optimizer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Gradients stay local within this scope: local steps, or all but the last of several accumulated
/// backward passes.
class SkipSynchronize {
 public:
  explicit SkipSynchronize(DistributedOptimizer& optimizer)
      : optimizer_(optimizer), before_(optimizer.synchronizing()) {
    optimizer_.set_synchronizing(false);
  }
  ~SkipSynchronize() { optimizer_.set_synchronizing(before_); }
  SkipSynchronize(const SkipSynchronize&) = delete;
  SkipSynchronize& operator=(const SkipSynchronize&) = delete;

 private:
  DistributedOptimizer& optimizer_;
  bool before_;
};

}  // namespace ronde
