#pragma once

#include <cstddef>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"

namespace ronde {

/// One broadcast as every rank sees it. All fields but the pointer are equal on all ranks.
struct BroadcastArguments {
  void* data = nullptr;  ///< read on the root, written on the others
  std::size_t size_bytes = 0;
  int root = 0;
  /// Where the data lies, if that is the same place on all ranks.
  MemoryPlace place = {};
};

/// The root's bytes to all ranks, in place. Registered memory on one host, unless so small that a
/// second step costs more than a copy: every rank copies its share from the root to all others
/// (push). Otherwise on one host: through the slots of the shared channel, up to 56 bytes in its
/// flag lines. On several hosts with several ranks one rank of each host gets the data, down a
/// binomial tree or, if more than a chunk and no slower, along a chain in segments, and hands it
/// out as on one host (under --hierarchy rails every rank gets a share along the chain). Elsewhere,
/// and under --hierarchy flat, a binomial tree over all ranks. Cost:   push: 2 alpha + n beta, a
/// load or a store each; shared: ceil(n / chunk) alpha + 2n beta;
///         tree: ceil(log2 p) (alpha + n beta), of hosts: h in place of p;
///         chain: (h-1) alpha + n beta + (h-2) chunk beta. The last three between hosts, over which
///         every byte goes to each host once.
/// Errors: kInvalidArgument for a root that does not exist; kTimeout, kAborted: the data is then
///         undefined on all ranks but the root.
/// Source: binomial tree and pipelined chain as in Chan et al., Concurr. Comput. Pract. Exper.
///         19(13), 2007; two levels as in Karonis et al., IPDPS 2000.
Status Broadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Which of them would run: "push", "shared_memory", "binomial_tree", "hierarchical_tree",
/// "hierarchical_chain", or "copy" where there is one rank.
[[nodiscard]] std::string_view BroadcastAlgorithm(CollectiveContext& context,
                                                  const BroadcastArguments& arguments);

}  // namespace ronde
