#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"

namespace ronde {

/// One alltoall as every rank sees it. All fields but the pointers are equal on all ranks. A rank's
/// input is what it sends to rank 0, 1, ... behind one another; its output what it gets from rank
/// 0, 1, ...
struct AlltoallArguments {
  const void* input = nullptr;
  void* output = nullptr;  ///< must not overlap the input
  /// p x p: block_bytes[from * p + to]; zeros are fine.
  std::span<const std::int64_t> block_bytes;
  /// Where the input lies, if that is the same place on all ranks.
  MemoryPlace input_place = {};
};

/// Every rank sends every rank a block of its own, of any size. Registered input on one host,
/// unless so small that a second step costs more than a copy: every rank reads its blocks where
/// they lie (pull). Otherwise on one host: through the slots of the shared channel, inputs of up to
/// 56 bytes in its flag lines. Elsewhere pairwise exchange.
/// Cost:   pull: 2 alpha + 2n beta, beta for a load or a store;
///         shared: ceil(n(p-1) / (p chunk)) alpha + (2n(p-1)/p + n/p) beta;
///         pairwise: (p-1) (alpha + n/p beta).
///         Where blocks differ, n is p times the largest, but in pull.
/// Errors: kInvalidArgument for a wrong number of sizes or a negative one; kTimeout, kAborted:
///         `output` is then undefined.
/// Source: pairwise exchange as in Thakur, Rabenseifner, Gropp, Int. J. HPC Appl. 19(1), 2005.
Status Alltoall(CollectiveContext& context, const AlltoallArguments& arguments);

/// Which of them would run: "pull", "shared_memory", "pairwise", or "copy" where there is one rank.
[[nodiscard]] std::string_view AlltoallAlgorithm(CollectiveContext& context,
                                                 const AlltoallArguments& arguments);

}  // namespace ronde
