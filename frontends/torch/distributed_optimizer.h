#pragma once

#include <cstddef>
#include <functional>
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
  /// Gradients are accumulated over this many backward passes; the hooks submit them at the last.
  int backward_passes_per_step = 1;
  /// Divides the accumulated gradients by backward_passes_per_step, however many passes there were.
  /// Otherwise they are summed over passes, as autograd does.
  bool average_aggregated_gradients = false;
  /// Turns sparse gradients (of an embedding with sparse(true)) into dense ones; an error
  /// otherwise.
  bool sparse_as_dense = false;
  /// Keeps the gradients as views of one flat buffer per dtype (FlatGradients), so that they need
  /// not be packed to be sent; it lies in registered memory, which makes the constructor
  /// collective: ranks of a host reduce them where they lie. They lose their graph, if a backward
  /// pass was asked to create one.
  bool gradient_as_bucket_view = false;
  /// Gradients travel in buckets: neighbours of one type, from the last parameter on, closed as
  /// soon as there are this many bytes. A bucket is one operation, "gradients.N", submitted when
  /// its last gradient is there: negotiating every small one costs more time than it hides. 0: each
  /// by its own name. Must be the same on all ranks.
  std::size_t bucket_size_bytes = std::size_t{256} << 10;
  /// Called before the first gradients of a step are submitted, on the thread that does so (a
  /// hook's, within the backward pass). What it throws ends that call, and nothing has been sent.
  std::function<void()> before_sending;
};

/// Averages gradients over all ranks during the backward pass, then steps any torch optimizer.
///
/// A hook on each parameter notes that its gradient is accumulated; the last of a bucket submits
/// it, so communication overlaps the rest of the backward pass, and ranks may produce gradients in
/// different orders. Step() waits for all of them. A
/// parameter without a gradient on this rank contributes zeros (so ranks never wait for each
/// other's unused branches) and receives the others' average, which is zero where nobody had one. A
/// frozen parameter (requires_grad off) is left alone; parameters may be frozen and unfrozen
/// between steps, on all ranks alike. A tensor under several names is one parameter, with the first
/// of them.
///
/// Errors: Error. A gradient that arrives more often than backward_passes_per_step before a Step()
/// is kInvalidArgument. When another rank has shut down, so that its gradients will never come,
/// Step() and Synchronize() end with one line (kShutdown) that names it and the gradients.
/// Thread rule: one thread at a time; hooks may run on autograd's threads.
class DistributedOptimizer {
 public:
  /// Covers the floating-point tensors of `parameters`: leaves, given in the same order on all
  /// ranks. All references must outlive this.
  /// Error: kInvalidArgument for two tensors of one name, a tensor that is no leaf, or fewer than 1
  /// backward pass per step.
  DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                       const NamedTensors& parameters, DistributedOptimizerOptions options = {});
  DistributedOptimizer(Session& session, torch::optim::Optimizer& optimizer,
                       const torch::nn::Module& module, DistributedOptimizerOptions options = {});
  /// Removes the hooks. Gradients still in flight keep their memory until they have arrived.
  ~DistributedOptimizer();
  DistributedOptimizer(const DistributedOptimizer&) = delete;
  DistributedOptimizer& operator=(const DistributedOptimizer&) = delete;

  /// Submits what no hook has submitted and waits until every gradient is the average over ranks;
  /// for CUDA tensors it is the current stream that waits, and this thread only until the averages
  /// have been issued.
  /// A second call before the next backward pass does nothing, so gradients may be clipped between
  /// Synchronize() and Step(). While synchronising is off it only averages over passes, if asked.
  void Synchronize();

  /// Synchronize(), then the optimizer's step. Error: kInvalidArgument for LBFGS, which needs a
  /// closure.
  void Step();

  /// One step of an optimizer that evaluates the loss itself, once (SGD) or several times (LBFGS):
  /// `closure` zeroes the gradients, computes the loss, runs the backward pass (all of them) and
  /// returns the loss, a tensor of one element. The optimizer sees gradients and losses reduced
  /// over ranks, so that all ranks take the same decisions. Returns what the optimizer does: its
  /// first loss.
  at::Tensor Step(const torch::optim::Optimizer::LossClosure& closure);

  /// Gradients to undefined, as Optimizer::zero_grad(), or to zeros in place; forgets a
  /// synchronisation without a step.
  /// Error: kInvalidArgument while gradients are in flight (call Synchronize() or Step() first).
  void ZeroGrad(bool set_to_none = true);

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
