#pragma once

#include <torch/torch.h>

#include "frontends/torch/flat_parameters.h"

namespace ronde {

/// How far this worker had moved from the others when the models were averaged:
///   ||w - mean(w)|| / ||mean(w)||     (Euclidean norms over all parameters)
/// with w the weights before the average and mean(w) those after it. It reads the weights and
/// communicates nothing, so training goes on bit for bit as without it.
/// Cost: a copy of the weights and one pass over both; sums in float64.
/// Thread rule: one thread at a time.
class WorkerDivergence {
 public:
  /// `parameters` must outlive this.
  explicit WorkerDivergence(FlatParameters& parameters) : parameters_(parameters) {}

  /// Before the average: keeps this worker's weights.
  void Remember();
  /// After it, before anything else changes the weights. 0 where nothing has moved, also when all
  /// weights are 0; NaN or infinity where weights are not finite or their mean is 0.
  [[nodiscard]] double Measure();

 private:
  FlatParameters& parameters_;
  at::Tensor before_;  // made at the first average
};

}  // namespace ronde
