#pragma once

#include <cstddef>

#include "collectives/collective_context.h"
#include "core/base/status.h"

namespace ronde {

/// Broadcast: `data` of `root` on every rank. Through shared memory where all ranks share a host,
/// otherwise a binomial tree.
/// Cost:   shared: ceil(n/chunk) alpha + 2n beta; tree: ceil(log2 p)(alpha + n beta)
/// Buffer: `data`, `size_bytes` bytes, in place; no scratch.
/// Errors: kInvalidArgument for a root outside 0..p-1; kTimeout, kAborted: `data` is
///         then undefined.
/// Source: binomial tree as in Chan et al., Concurr. Comput. Pract. Exper. 19(13), 2007.
Status Broadcast(CollectiveContext& context, void* data, std::size_t size_bytes, int root);

}  // namespace ronde
