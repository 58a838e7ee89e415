#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "collectives/allreduce/algorithm.h"
#include "collectives/reduce_kernels.h"
#include "collectives/shared/one_host.h"

namespace ronde {

/// kInvalidArgument for a negative count, scaling of an integer type, or an operator that is not
/// element by element.
[[nodiscard]] Status CheckArguments(const AllreduceArguments& arguments);

/// What one rank alone gets: the scaled input. Every algorithm ends here when there is nobody to
/// talk to.
void ReduceAlone(const AllreduceArguments& arguments);

/// Whether all ranks are on one host, exchange through its channel, and are few enough for Reduce.
[[nodiscard]] bool SharesMemory(CollectiveContext& context);

[[nodiscard]] inline Scaling ScalingFor(const AllreduceArguments& arguments, int ranks) {
  return ScalingFor(arguments.op, arguments.dtype, arguments.prescale, arguments.postscale, ranks);
}

/// The part of `scaling` that applies to the complete result.
[[nodiscard]] inline Scaling ResultPart(const Scaling& scaling) {
  return {.postscale = scaling.postscale, .divisor = scaling.divisor};
}

/// Applies ResultPart(scaling) to `data` in place.
void FinishResult(const AllreduceArguments& arguments, void* data, std::int64_t count,
                  const Scaling& scaling);

/// How many elements `size_bytes` are. A shift: a division would take as long as a tiny reduction.
[[nodiscard]] inline std::int64_t CountOf(std::size_t size_bytes, DataType dtype) {
  return static_cast<std::int64_t>(size_bytes >> std::countr_zero(SizeOf(dtype)));
}

[[nodiscard]] inline std::size_t SizeBytes(const AllreduceArguments& arguments) {
  return static_cast<std::size_t>(arguments.count) * SizeOf(arguments.dtype);
}

}  // namespace ronde
