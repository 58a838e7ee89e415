#pragma once

#include "frontends/torch/local_workers.h"
#include "frontends/torch/model_averager.h"
#include "frontends/torch/tree_sum.h"

namespace ronde {

/// A model average's part inside a rank: before the average over ranks, worker 0 becomes the mean
/// of this rank's workers; after it, all become worker 0. Sums in binary-tree order (TreeSum),
/// 16-bit types in float32. Does nothing for one worker. Thread rule: one thread at a time.
class LocalAverage {
 public:
  /// `workers` must outlive this.
  LocalAverage(LocalWorkers& workers, MomentumAtAverage momentum)
      : workers_(workers), momentum_(momentum) {}

  /// Makes worker 0 active, its weights the mean, and its momentum too where that is averaged.
  void Gather();
  /// Copies worker 0's weights to all, and its momentum where that is averaged or reset.
  void Spread();

 private:
  LocalWorkers& workers_;
  MomentumAtAverage momentum_;
  TreeSum weight_sum_;
  TreeSum momentum_sum_;
};

/// The mean over this rank's workers of one of their planes, e.g. &LocalWorkers::statistics;
/// float32 for 16-bit types. Belongs to `sum`, which must be empty, until its next use.
[[nodiscard]] at::Tensor MeanOverWorkers(const LocalWorkers& workers,
                                         const at::Tensor& (LocalWorkers::*plane)(int) const,
                                         TreeSum& sum);

}  // namespace ronde
