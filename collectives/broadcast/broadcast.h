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
/// flag lines. Elsewhere a binomial tree.
/// Cost:   push: 2 alpha + n beta, a load or a store each; shared: ceil(n / chunk) alpha + 2n beta;
///         tree: ceil(log2 p) (alpha + n beta)
/// Errors: kInvalidArgument for a root that does not exist; kTimeout, kAborted: the data is then
///         undefined on all ranks but the root.
/// Source: binomial tree as in Chan et al., Concurr. Comput. Pract. Exper. 19(13), 2007.
Status Broadcast(CollectiveContext& context, const BroadcastArguments& arguments);

/// Which of them would run: "push", "shared_memory", "binomial_tree", or "copy" where there is one
/// rank.
[[nodiscard]] std::string_view BroadcastAlgorithm(CollectiveContext& context,
                                                  const BroadcastArguments& arguments);

}  // namespace ronde
