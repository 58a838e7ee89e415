#pragma once

#include <cstdint>
#include <vector>

#include "collectives/allreduce/algorithm.h"
#include "core/base/status.h"

namespace ronde {

/// One call of the suite. Inputs are a function of (seed, rank, index), so every rank knows what
/// all ranks put in and can check the result by itself.
struct AllreduceCase {
  std::int64_t count = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  bool in_place = false;
  bool registered = false;
  double prescale = 1;
  double postscale = 1;
  std::uint64_t seed = 1;
};

/// Runs one case. Integers must be exact; floats within the rounding of p operations from a float64
/// reference; all ranks must have the same bits. Collective.
[[nodiscard]] Status CheckAllreduce(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                                    const AllreduceCase& test);

/// One large buffer and the same buffer in pieces at random offsets give the same bits. Collective.
[[nodiscard]] Status CheckOffsetIndependence(CollectiveContext& context,
                                             const AllreduceAlgorithm& algorithm, DataType dtype,
                                             bool registered);

/// All cases for `counts`: every dtype, op, in place or not, with and without scaling.
[[nodiscard]] std::vector<AllreduceCase> AllreduceCases(const std::vector<std::int64_t>& counts);

/// All of the above for every algorithm that supports it here, and sums also where all results are
/// to be written past the cache. Collective.
[[nodiscard]] Status CheckAllAlgorithms(CollectiveContext& context,
                                        const std::vector<std::int64_t>& counts);

}  // namespace ronde
