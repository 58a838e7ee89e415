#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "frontends/torch/tree_sum.h"

namespace ronde {

/// The mean of the gradients of several workers that one rank plays in turn, in binary-tree order
/// over them. An undefined gradient counts as zeros, a sparse one as dense. Thread rule: one thread
/// at a time.
class GradientSum {
 public:
  explicit GradientSum(std::vector<at::Tensor> parameters);

  /// After a worker's backward pass: adds the parameters' gradients as they are.
  void Add();
  /// After the last worker's Add(): the gradients become the mean of all that were added.
  void Finish();

 private:
  std::vector<at::Tensor> parameters_;  // those that require a gradient
  std::vector<TreeSum> sums_;           // by parameter
};

}  // namespace ronde
