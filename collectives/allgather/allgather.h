#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"

namespace ronde {

/// One allgather as every rank sees it. All fields but the pointers are equal on all ranks.
struct AllgatherArguments {
  const void* input = nullptr;  ///< rank_bytes[rank] bytes; may be this rank's block of `output`
  void* output = nullptr;       ///< the blocks of all ranks, in rank order
  std::span<const std::int64_t> rank_bytes;  ///< one entry per rank; zeros are fine
  /// Where the output lies, if that is the same place on all ranks.
  MemoryPlace output_place = {};
};

/// Allgather of blocks of any size: every rank gets the blocks of all ranks, in rank order.
/// Registered output on one host, unless so small that a second step costs more than a copy: every
/// rank writes its block into every output (push). Otherwise on one host: through the slots of the
/// shared channel, blocks of up to 56 bytes in its flag lines. On several hosts with several,
/// consecutive ranks every byte goes to each host once: rails (equally many ranks a host, or asked
/// for) exchange their blocks, with all hosts at once up to 16, and share what they get inside; one
/// leader a host passes its host's blocks around a ring and hands out the others. Elsewhere, and
/// under --hierarchy flat, a ring of all ranks.
/// Cost:   push: 2 alpha + (n_own + p n_own) beta, a load or a store each; shared:
///         ceil(max n_i / chunk) alpha + (n + n_own) beta; ring: (p-1) alpha + n beta;
///         between hosts, of which this one has n_h: rails: alpha + (n - n_h) beta; leader:
///         (h-1) alpha + (n - n_h) beta; besides, h times the cost inside for rails, three for
///         leader
/// Errors: kInvalidArgument for a wrong number of sizes or a negative one; kTimeout, kAborted:
///         `output` is then undefined.
/// Source: ring as in Thakur, Rabenseifner, Gropp, Int. J. HPC Appl. 19(1), 2005.
Status Allgather(CollectiveContext& context, const AllgatherArguments& arguments);

/// Which of them would run: "push", "shared_memory", "ring", "hierarchical_rails",
/// "hierarchical_leader", or "copy" where there is one rank.
[[nodiscard]] std::string_view AllgatherAlgorithm(CollectiveContext& context,
                                                  const AllgatherArguments& arguments);

}  // namespace ronde
