#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/types.h"

// What a reduction must give, computed one by one in float64.

namespace ronde {

using Bytes = std::vector<std::byte>;

/// A reduction, but for its values.
struct Case {
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  double prescale = 1;
  double postscale = 1;
};

/// Every type and operator, floating-point types also with scalings.
[[nodiscard]] std::vector<Case> AllCases();

/// Of every rank.
[[nodiscard]] std::vector<Bytes> InputsOf(DataType dtype, std::int64_t count, int ranks);

/// Expects elements begin .. begin + count of the reduction of `inputs` in `output`: integers
/// exactly, floats as well as any order of additions in their type gives them.
void ExpectReduced(const Case& test, const std::vector<Bytes>& inputs, const Bytes& output,
                   std::int64_t begin, std::int64_t count);

}  // namespace ronde
