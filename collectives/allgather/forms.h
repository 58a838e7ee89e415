#pragma once

#include "collectives/allgather/allgather.h"

// The forms of Allgather, for arguments that have been checked and at least two ranks.

namespace ronde {

/// Every rank writes its block into every output, which lie in registered memory.
Status PushAllgather(CollectiveContext& context, const AllgatherArguments& arguments);

/// Chunk by chunk through the slots of the shared channel.
Status SharedMemoryAllgather(CollectiveContext& context, const AllgatherArguments& arguments);

/// Blocks travel around the ring as messages.
Status RingAllgather(CollectiveContext& context, const AllgatherArguments& arguments);

/// Every rank exchanges its block with the ranks of its local rank on other hosts, and shares what
/// it gets inside its host. Hosts have equally many, consecutive ranks.
Status RailsAllgather(CollectiveContext& context, const AllgatherArguments& arguments);

/// Inside hosts first, then around a ring of one rank a host, which hands out what it gets. Hosts
/// have consecutive ranks.
Status LeaderAllgather(CollectiveContext& context, const AllgatherArguments& arguments);

}  // namespace ronde
