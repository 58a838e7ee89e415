#pragma once

#include <cstdint>
#include <span>

#include "collectives/collective_context.h"
#include "core/base/status.h"

namespace ronde {

/// Allgather of blocks of any size: every rank gets the blocks of all ranks, in rank order. Through
/// shared memory where all ranks share a host, otherwise a ring.
/// Cost:   shared: ceil(max n_i / chunk) alpha + (n + n_own) beta; ring: (p-1) alpha + n beta
/// Buffer: `input` of rank_bytes[rank] bytes, `output` of their sum; `input` may be this rank's own
///         block inside `output`. `rank_bytes` (p entries) is equal on all ranks; zeros are fine.
/// Errors: kInvalidArgument for a wrong number of sizes or a negative one; kTimeout, kAborted:
///         `output` is then undefined.
/// Source: ring as in Thakur, Rabenseifner, Gropp, Int. J. HPC Appl. 19(1), 2005.
Status Allgatherv(CollectiveContext& context, const void* input, void* output,
                  std::span<const std::int64_t> rank_bytes);

}  // namespace ronde
