#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/control/message.h"

namespace ronde {

/// Response::rank_extents for equal requests of all ranks, in rank order, and their world ranks;
/// none for operations whose ranks all have the same rows. Errors, without extents:
/// kInvalidArgument for an alltoall in which a rank's splits are not one for each rank or do not
/// add up, and for more rows of all ranks together than can be counted.
[[nodiscard]] Status ListExtents(const std::vector<Request>& requests, std::span<const int> ranks,
                                 std::vector<std::int64_t>& extents);

}  // namespace ronde
