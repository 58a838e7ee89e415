#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// One reduce-scatter as every rank sees it. All fields but the pointers are equal on all ranks.
/// The input is the blocks of all ranks behind one another; rank r gets block r of the sum.
struct ReducescatterArguments {
  const void* input = nullptr;
  void* output = nullptr;  ///< rank_counts[rank] elements; may be this rank's block of `input`
  std::span<const std::int64_t> rank_counts;  ///< elements of each rank's block; zeros are fine
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  double prescale = 1;
  double postscale = 1;
  /// Where the input lies, if that is the same place on all ranks.
  MemoryPlace input_place = {};
};

/// Whether `ranks` ranks can run it; what every form checks first.
/// Errors: kInvalidArgument for a wrong number of counts, a negative one, an operator that is
///         not elementwise, or scaling of an integer type.
[[nodiscard]] Status CheckArguments(const ReducescatterArguments& arguments, int ranks);

/// Reduce-scatter of blocks of any size. Registered input on one host, unless so small that a
/// second step costs more than a copy: every rank reads its block of every input (pull). Otherwise
/// on one host: through the slots of the shared channel, inputs of up to 56 bytes in its flag
/// lines. On several hosts with several, consecutive ranks the ranks of a host divide the blocks of
/// every other host among themselves, add them up inside, and send partial sums straight to the
/// ranks whose blocks they belong to (under --hierarchy leader one rank of a host does). Elsewhere,
/// and under --hierarchy flat, a ring of all ranks.
/// Cost:   pull: 2 alpha + (n + n/p) beta + n(p-1)/p gamma, beta for a load or a store;
///         shared: ceil(n(p-1) / (p chunk)) alpha + 2n(p-1)/p beta + n(p-1)/p gamma;
///         ring: (p-1) (alpha + n/p (beta + gamma)), and scratch for three blocks;
///         hierarchical: between hosts alpha + n(h-1)/p beta and inside h times the cost for n/h;
///         scratch for 2h blocks, with --wire-compression twice that.
///         Where blocks differ, n is p times the largest, but in pull.
/// Order:  pull, shared: a binary tree over the ranks (ReductionOrder::kTree), 16-bit types in
///         float32, the same bits from both; ring: depends on the block, 16-bit types round at
///         every step; hierarchical: a tree over the ranks of each host, then one over hosts,
///         before which 16-bit types round and --wire-compression applies.
/// Errors: as CheckArguments says; kTimeout, kAborted: `output` is then undefined.
/// Source: ring as in Patarasuk, Yuan, J. Parallel Distrib. Comput. 69(2), 2009.
Status Reducescatter(CollectiveContext& context, const ReducescatterArguments& arguments);

/// Which of them would run: "pull", "shared_memory", "ring", "hierarchical", or "copy" where there
/// is one rank.
[[nodiscard]] std::string_view ReducescatterAlgorithm(CollectiveContext& context,
                                                      const ReducescatterArguments& arguments);

}  // namespace ronde
