#pragma once

#include <cstdint>

#include "bench/collectives/collective.h"
#include "core/base/types.h"

namespace ronde::bench {

/// Fills a rank's input of `call` with values that depend on rank and index. Of a reduction they
/// are so small that sums, minima, maxima and products of some tens of ranks are exact in every
/// type, 16-bit floating point included.
void FillInput(const CollectiveCall& call, void* input, int rank);

/// Number of elements of a rank's output of `call` that differ from the reference, computed
/// serially in float64. Exact but for kAverage, which may be off by one unit in the last place, and
/// kAdasum (see AdasumTolerance).
[[nodiscard]] std::int64_t CountWrong(const CollectiveCall& call, const void* output, int rank,
                                      int ranks);

}  // namespace ronde::bench
