#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "collectives/allreduce/algorithm.h"

namespace ronde {

/// A buffer cut into one block a rank: the first count % p are one element longer; any may be
/// empty.
class RankBlocks {
 public:
  RankBlocks(const AllreduceArguments& arguments, int ranks)
      : count_(arguments.count), ranks_(ranks), element_bytes_(SizeOf(arguments.dtype)) {}

  [[nodiscard]] std::int64_t count(int block) const {
    return count_ / ranks_ + (block < count_ % ranks_ ? 1 : 0);
  }
  [[nodiscard]] std::size_t size_bytes(int block) const {
    return static_cast<std::size_t>(count(block)) * element_bytes_;
  }
  /// The first one's.
  [[nodiscard]] std::size_t largest_bytes() const { return size_bytes(0); }
  template <typename Byte>
  [[nodiscard]] std::span<Byte> of(Byte* buffer, int block) const {
    const std::int64_t begin =
        count_ / ranks_ * block + std::min<std::int64_t>(block, count_ % ranks_);
    return {buffer + static_cast<std::size_t>(begin) * element_bytes_, size_bytes(block)};
  }
  /// The block that is `steps` behind `block` on a ring.
  [[nodiscard]] int behind(int block, int steps) const {
    return ((block - steps) % ranks_ + ranks_) % ranks_;
  }

 private:
  std::int64_t count_;
  int ranks_;
  std::size_t element_bytes_;
};

}  // namespace ronde
