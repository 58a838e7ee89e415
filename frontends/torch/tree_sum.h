#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/torch.h>

namespace ronde {

/// Adds tensors of one shape in the canonical binary-tree order over their indices: neighbours
/// first, then neighbouring pairs, and so on; what has no neighbour waits for the next round. So a
/// block of 2^k workers that starts at a multiple of 2^k has the same partial sum, bit for bit,
/// on whatever rank it is added up. Needs log2(n) tensors of scratch, kept for the next sum.
/// Thread rule: one thread at a time.
class TreeSum {
 public:
  /// The next summand; its values are copied. Equal shape, strides and dtype, else
  /// kInvalidArgument.
  void Add(const at::Tensor& summand);
  /// How many have been added since the last Finish().
  [[nodiscard]] std::int64_t count() const { return count_; }
  /// The sum; belongs to this and lasts until the next Add. Starts over.
  /// Error: kInvalidArgument when nothing was added.
  [[nodiscard]] at::Tensor Finish();

 private:
  std::vector<at::Tensor> levels_;  // levels_[k] holds the sum of 2^k summands where bit k is set
  std::int64_t count_ = 0;
};

}  // namespace ronde
