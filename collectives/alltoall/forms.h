#pragma once

#include <algorithm>
#include <cstddef>

#include "collectives/alltoall/alltoall.h"
#include "collectives/shared/block_layout.h"

// The forms of Alltoall, for arguments that have been checked and at least two ranks.

namespace ronde {

/// Every rank copies its blocks out of all inputs, which lie in registered memory.
Status PullAlltoall(CollectiveContext& context, const AlltoallArguments& arguments);

/// Through the slots of the shared channel: in each round a rank shows every peer a piece of what
/// the peer gets.
Status SharedMemoryAlltoall(CollectiveContext& context, const AlltoallArguments& arguments);

/// In step k with the peers at distance k, by messages.
Status PairwiseAlltoall(CollectiveContext& context, const AlltoallArguments& arguments);

/// How the blocks lie in the input of `rank`.
[[nodiscard]] inline BlockLayout SentBy(const AlltoallArguments& arguments, int rank, int ranks) {
  const auto row = static_cast<std::size_t>(ranks);
  return BlockLayout(arguments.block_bytes.subspan(static_cast<std::size_t>(rank) * row, row));
}

/// How the blocks lie in the output of `rank`.
[[nodiscard]] inline BlockLayout ReceivedBy(const AlltoallArguments& arguments, int rank,
                                            int ranks) {
  return BlockLayout(arguments.block_bytes.subspan(static_cast<std::size_t>(rank)), 1,
                     static_cast<std::size_t>(ranks));
}

/// What the rank that sends most sends, in bytes.
[[nodiscard]] inline std::size_t LargestInput(const AlltoallArguments& arguments, int ranks) {
  std::size_t largest = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    largest = std::max(largest, SentBy(arguments, rank, ranks).total());
  }
  return largest;
}

}  // namespace ronde
