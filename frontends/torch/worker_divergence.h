#pragma once

#include <torch/torch.h>

#include "frontends/torch/local_workers.h"

namespace ronde {

/// ||own - mean|| / ||mean||, Euclidean norms; sums in float64. 0 where nothing has moved, also
/// when all is 0; NaN or infinity where values are not finite or the mean is 0. Equal shapes and
/// dtypes.
[[nodiscard]] double RelativeDistance(const at::Tensor& own, const at::Tensor& mean);

/// The same as a float64 tensor without dimensions: on the CPU, or where the tensors are, computed
/// there, with the differences in their own type, and nobody waits.
[[nodiscard]] at::Tensor RelativeDistanceTensor(const at::Tensor& own, const at::Tensor& mean);

/// How far this rank's workers had moved from all others when the models were averaged: the mean
/// over them of
///   ||w - mean(w)|| / ||mean(w)||     (Euclidean norms over all parameters)
/// with w the weights before the average and mean(w) those after it. It reads the weights and
/// communicates nothing, so training goes on bit for bit as without it.
/// Cost: a copy of one worker's weights and one pass over all; sums in float64.
/// Thread rule: one thread at a time.
class WorkerDivergence {
 public:
  /// `workers` must outlive this.
  explicit WorkerDivergence(LocalWorkers& workers) : workers_(workers) {}

  /// Before the average, which replaces worker 0's weights by the mean: keeps them.
  void Remember();
  /// After worker 0 has the mean over all ranks, before the others get it. A float64 tensor
  /// without dimensions, where the weights are.
  [[nodiscard]] at::Tensor Measure();

 private:
  LocalWorkers& workers_;
  at::Tensor first_before_;  // made at the first average
};

}  // namespace ronde
