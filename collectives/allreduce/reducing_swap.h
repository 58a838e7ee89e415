#pragma once

#include <cstddef>
#include <span>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "collectives/reduce_kernels.h"
#include "core/base/status.h"

namespace ronde {

/// Half of an exchange with one peer: what leaves, and what is made of what arrives.
struct ReducingSwap {
  int peer = 0;
  std::span<const std::byte> outgoing;
  /// This rank's operand of the incoming elements, and where the result goes; both may lie in
  /// `outgoing`, and may be the same.
  const std::byte* own = nullptr;
  std::span<std::byte> result;
};

/// Swaps ranges with a peer; result[i] = the operands in rank order, reduced and scaled. Takes at
/// most kSegmentsInFlight segments of scratch. Errors: kTimeout, kAborted.
Status SwapAndReduce(CollectiveContext& context, const AllreduceArguments& arguments,
                     const ReducingSwap& swap, const Scaling& scaling);

/// Predicted microseconds in which `bytes` arrive and are reduced: between hosts at once, but for
/// the last segment; on one host the same cores do both.
[[nodiscard]] double ReceiveAndReduceUs(CollectiveContext& context, double bytes);

}  // namespace ronde
