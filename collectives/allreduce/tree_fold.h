#pragma once

#include <bit>

#include "collectives/collective_context.h"

namespace ronde {

/// For doublings over any number of ranks: every FoldStride(p)-th rank takes part, the least power
/// of two that leaves a power of two of them (at least two for p >= 2). The others fold into them
/// along a binomial tree, neighbours first, so that the order of additions stays a binary tree.
[[nodiscard]] inline int FoldStride(int ranks) {
  int stride = 1;
  while (!std::has_single_bit(static_cast<unsigned>((ranks + stride - 1) / stride))) stride *= 2;
  return stride;
}

/// What folding costs, there and back: two messages and `data_us` at every level, at which half of
/// the ranks that are left send.
[[nodiscard]] double FoldUs(CollectiveContext& context, double data_us);

}  // namespace ronde
