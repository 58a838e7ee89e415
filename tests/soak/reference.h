#pragma once

#include <cstdint>
#include <vector>

#include "tests/soak/operation.h"

namespace ronde::soak {

// What every element has to be, computed one by one and serially from the operation alone.

/// The input of member `member` for tensor `tensor` of the operation, at `index`: a small integer,
/// so that every sum and product is exact in every type.
[[nodiscard]] double InputAt(const Operation& operation, int member, int tensor,
                             std::int64_t index);

/// Elements that `member` gives and gets for `tensor`.
[[nodiscard]] std::int64_t InputCount(const Operation& operation, int member, int tensor);
[[nodiscard]] std::int64_t OutputCount(const Operation& operation, int member, int tensor);

/// What `member` has to get.
[[nodiscard]] double OutputAt(const Operation& operation, int member, int tensor,
                              std::int64_t index);

/// How far a right result may be from OutputAt, relative to it: 0 but for averages, whose division
/// rounds.
[[nodiscard]] double Tolerance(const Operation& operation);

}  // namespace ronde::soak
