#pragma once

#include <cstdint>
#include <vector>

#include "core/base/types.h"

namespace ronde::bench {

/// Adasum of all ranks' tensors, serially in float64. A tensor of `count` elements repeats its
/// `given` values as often as they fit; so does the result.
[[nodiscard]] std::vector<double> AdasumOf(std::vector<std::vector<double>> given,
                                           std::int64_t count);

/// How far, relatively, positive elements may be off: rounding at each level of the tree, to
/// float32 or better, and to the type at the end.
[[nodiscard]] double AdasumTolerance(DataType dtype, int ranks);

}  // namespace ronde::bench
