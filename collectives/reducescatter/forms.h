#pragma once

#include <cstddef>

#include "collectives/reduce_kernels.h"
#include "collectives/reducescatter/reducescatter.h"
#include "collectives/shared/block_layout.h"

// The forms of Reducescatter, for arguments that have been checked and at least two ranks.

namespace ronde {

/// Every rank reduces its block of all inputs, which lie in registered memory, into its output.
Status PullReducescatter(CollectiveContext& context, const ReducescatterArguments& arguments);

/// Through the slots of the shared channel: in each round a rank shows every peer a piece of the
/// block that the peer reduces.
Status SharedMemoryReducescatter(CollectiveContext& context,
                                 const ReducescatterArguments& arguments);

/// Partial sums travel around the ring as messages, and each rank adds its own part.
Status RingReducescatter(CollectiveContext& context, const ReducescatterArguments& arguments);

/// Inside hosts first; then partial sums travel straight to the ranks whose blocks they belong to.
/// Hosts have consecutive ranks.
Status HierarchicalReducescatter(CollectiveContext& context,
                                 const ReducescatterArguments& arguments);

[[nodiscard]] inline BlockLayout BlocksOf(const ReducescatterArguments& arguments) {
  return BlockLayout(arguments.rank_counts, SizeOf(arguments.dtype));
}

[[nodiscard]] inline Scaling ScalingFor(const ReducescatterArguments& arguments, int ranks) {
  return ScalingFor(arguments.op, arguments.dtype, arguments.prescale, arguments.postscale, ranks);
}

}  // namespace ronde
