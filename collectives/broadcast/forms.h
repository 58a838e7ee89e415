#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "collectives/broadcast/broadcast.h"
#include "core/base/clock.h"
#include "core/comm/transport.h"

// The forms of Broadcast, for arguments that have been checked, at least two ranks and some bytes.

namespace ronde {

/// Every rank copies its share of the root's data into all other ranks' registered memory.
Status PushBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Chunk by chunk through the root's slots of the shared channel.
Status SharedMemoryBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Messages down a binomial tree.
Status BinomialTreeBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Down a binomial tree of one rank a host, then inside hosts.
Status TreeOfHostsBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// From host to host in segments; each is handed out inside a host while the next ones arrive.
Status ChainOfHostsBroadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Whether the chain is expected to be faster than the tree. Equal on all ranks.
[[nodiscard]] bool ChainBeatsTree(CollectiveContext& context, std::size_t size_bytes);

/// The part of one of `places` ranks in a binomial tree from place 0 down; `rank_at` says who
/// stands where.
Status SendDownTree(Transport& transport, int place, int places,
                    const std::function<int(int)>& rank_at, std::span<std::byte> data,
                    const Deadline& deadline);

}  // namespace ronde
