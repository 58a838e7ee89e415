#pragma once

#include "collectives/broadcast/broadcast.h"

// The forms of Broadcast, for arguments that have been checked, at least two ranks and some bytes.

namespace ronde {

/// Every rank copies its share of the root's data into all other ranks' registered memory.
Status PushBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Chunk by chunk through the root's slots of the shared channel.
Status SharedMemoryBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Messages down a binomial tree.
Status BinomialTreeBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

}  // namespace ronde
