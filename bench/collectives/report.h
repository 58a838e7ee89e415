#pragma once

#include <string>

#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"

namespace ronde::bench {

/// The heading of the nccl-tests style table, with peers' columns.
[[nodiscard]] std::string TableHeading(const BenchOptions& options, int ranks);
[[nodiscard]] std::string TableLine(const Row& row);
/// One JSON object without a newline. Top-level figures are out of place; `in_place` holds the
/// others. `peers` maps each supported peer to its figures.
[[nodiscard]] std::string JsonLine(const Row& row);

}  // namespace ronde::bench
