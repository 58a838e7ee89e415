// Which cases the suite runs.
#include <algorithm>
#include <limits>

#include "tests/conformance/movement_conformance.h"

namespace ronde {
namespace {

// Even blocks; or blocks of 0, `count`, and a few more elements in turn.
std::vector<std::int64_t> BlockCounts(int ranks, std::int64_t count, bool even) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(ranks), count);
  for (int rank = 0; rank < ranks && !even; ++rank) {
    counts[static_cast<std::size_t>(rank)] = rank % 3 == 1 ? 0 : count + rank % 5;
  }
  return counts;
}

Status CheckBytes(CollectiveContext& context, const MovementMemory& memory, MovementCase test) {
  RONDE_RETURN_IF_ERROR(CheckAllgather(context, memory, test));
  RONDE_RETURN_IF_ERROR(CheckAlltoall(context, memory, test));
  // Every root for small messages, three of them for others.
  const int step = test.counts.front() < 100 ? 1 : std::max(1, context.size() / 2);
  for (test.root = 0; test.root < context.size(); test.root += step) {
    RONDE_RETURN_IF_ERROR(CheckBroadcast(context, memory, test));
  }
  return Status::Ok();
}

Status CheckReductions(CollectiveContext& context, const MovementMemory& memory,
                       const MovementExtent& extent, MovementCase test) {
  const std::size_t elements_behind = test.skew;
  for (const DataType dtype : extent.dtypes) {
    for (const ReduceOp op : extent.ops) {
      test.dtype = dtype;
      test.op = op;
      test.skew = elements_behind * SizeOf(dtype);
      const bool scales = IsFloatingPoint(dtype) && test.in_place;
      test.prescale = scales ? 0.75 : 1;
      test.postscale = scales ? 1.5 : 1;
      ++test.seed;
      RONDE_RETURN_IF_ERROR(CheckReducescatter(context, memory, test));
    }
  }
  return Status::Ok();
}

Status CheckIn(CollectiveContext& context, const MovementExtent& extent, bool registered) {
  constexpr std::size_t kLargestElement = 8;
  constexpr std::int64_t kMoreElements = 8;  // than a count says, in uneven blocks
  const std::int64_t largest = *std::max_element(extent.counts.begin(), extent.counts.end());
  const auto size_bytes =
      static_cast<std::size_t>((largest + kMoreElements) * context.size()) * kLargestElement;
  RONDE_ASSIGN_OR_RETURN(const MovementMemory memory,
                         MovementMemory::Create(context, size_bytes, registered));
  std::uint64_t number = 0;
  for (const std::int64_t count : extent.counts) {
    for (const bool even : {true, false}) {
      for (const bool in_place : {false, true}) {
        MovementCase test = {.counts = BlockCounts(context.size(), count, even)};
        test.in_place = in_place;
        test.seed = 100 * ++number;
        test.skew = number % 7;
        RONDE_RETURN_IF_ERROR(CheckBytes(context, memory, test));
        RONDE_RETURN_IF_ERROR(CheckReductions(context, memory, extent, test));
      }
    }
  }
  return Status::Ok();
}

}  // namespace

MovementExtent FullExtent(std::vector<std::int64_t> counts) {
  MovementExtent extent = {.counts = std::move(counts)};
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    extent.dtypes.push_back(static_cast<DataType>(dtype));
  }
  for (int op = 0; op < kElementwiseOpCount; ++op) {
    extent.ops.push_back(static_cast<ReduceOp>(op));
  }
  return extent;
}

Status CheckAllMovement(CollectiveContext& context, const MovementExtent& extent) {
  const CostModel costs = context.costs();
  Status status = CheckIn(context, extent, false);
  // Registered memory is used at any size, first through the cache and then past it.
  CostModel free_steps = costs;
  free_steps.registered.alpha_us = 0;
  for (const std::int64_t streaming_bytes :
       {std::numeric_limits<std::int64_t>::max(), std::int64_t{0}}) {
    free_steps.streaming_bytes = streaming_bytes;
    context.set_costs(free_steps);
    if (status.ok()) status = CheckIn(context, extent, true);
  }
  context.set_costs(costs);
  return status;
}

}  // namespace ronde
