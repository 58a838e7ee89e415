#pragma once

#include <bit>

namespace ronde {

/// For doublings over any number of ranks: every FoldStride(p)-th rank takes part, the least power
/// of two that leaves a power of two of them (at least two for p >= 2). The others fold into them
/// along a binomial tree, neighbours first, so that the order of additions stays a binary tree.
[[nodiscard]] inline int FoldStride(int ranks) {
  int stride = 1;
  while (!std::has_single_bit(static_cast<unsigned>((ranks + stride - 1) / stride))) stride *= 2;
  return stride;
}

/// Messages of all ranks for that, there and back: half of those that are left, at every level.
[[nodiscard]] inline int FoldMessages(int ranks) {
  int messages = 0;
  for (int stride = 1; stride < FoldStride(ranks); stride *= 2) {
    messages += 2 * (((ranks + stride - 1) / stride) / 2);
  }
  return messages;
}

}  // namespace ronde
