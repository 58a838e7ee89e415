#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "frontends/torch/flat_parameters.h"

namespace ronde {

/// The workers that one rank plays in turn on one module and one SGD optimizer.
///
/// Each has weights, momentum and buffers (batch-norm statistics, counters) of its own, kept in
/// flat planes, one per kind and dtype. Making a worker active points the module's tensors and the
/// optimizer's momentum at its planes; no data moves, so memory is the only bound. The identity of
/// the tensors stays, hence the optimizer's state and the gradient hooks too.
///
/// Workers start as copies of the module. While weights are shared (the minibatch phase, where they
/// and the momenta agree) all workers use worker 0's and differ only in their buffers.
/// Thread rule: one thread at a time.
class LocalWorkers {
 public:
  /// `count` workers, at least 1; the first is active and weights are not shared. Without
  /// `optimizer` there is no momentum. `parameters` are those of `module`; all outlive this.
  /// Errors: Error with kInvalidArgument.
  LocalWorkers(torch::nn::Module& module, FlatParameters& parameters, int count,
               torch::optim::SGD* optimizer = nullptr);
  ~LocalWorkers();
  LocalWorkers(const LocalWorkers&) = delete;
  LocalWorkers& operator=(const LocalWorkers&) = delete;

  [[nodiscard]] int count() const;
  [[nodiscard]] int active() const;
  void Activate(int worker);

  /// From here on all workers use worker 0's weights and momentum.
  void ShareWeights();
  /// Gives every worker a copy of the shared weights and momentum; nothing when they are not
  /// shared.
  void UnshareWeights();
  [[nodiscard]] bool shares_weights() const;

  /// Flat: the parameters in order of registration, 1-D. Worker 0's while shared.
  [[nodiscard]] const at::Tensor& weights(int worker) const;
  /// Flat: the momentum buffers in the optimizer's order; undefined where there is no momentum.
  /// A buffer that the optimizer has not made yet is made of zeros.
  [[nodiscard]] const at::Tensor& momentum(int worker) const;
  /// Flat: the floating-point buffers but for num_batches_tracked; undefined where there is none.
  [[nodiscard]] const at::Tensor& statistics(int worker) const;

  /// Binds the module to a scratch copy of `worker`'s weights and buffers for as long as this
  /// lives; the destructor makes the worker that was active before active again, bit for bit.
  class ScratchScope;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// See LocalWorkers. One at a time; training must not go on inside it.
class LocalWorkers::ScratchScope {
 public:
  explicit ScratchScope(LocalWorkers& workers, int worker = 0);
  ~ScratchScope();
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

  /// What the module is bound to.
  [[nodiscard]] const at::Tensor& weights() const;
  [[nodiscard]] const at::Tensor& statistics() const;

 private:
  LocalWorkers& workers_;
};

}  // namespace ronde
