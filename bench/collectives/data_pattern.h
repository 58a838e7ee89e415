#pragma once

#include <cstdint>

#include "core/base/types.h"

namespace ronde::bench {

/// Fills `data` with small values that depend on rank and index, so that sums, minima, maxima and
/// products of some tens of ranks are exact in every type, 16-bit floating point included.
void FillPattern(void* data, std::int64_t count, DataType dtype, ReduceOp op, int rank);

/// Number of elements of a reduced `data` that differ from the reference, computed serially in
/// float64. Exact for all operators but kAverage, which may be off by one unit in the last place.
[[nodiscard]] std::int64_t CountWrong(const void* data, std::int64_t count, DataType dtype,
                                      ReduceOp op, int ranks);

}  // namespace ronde::bench
