#pragma once

#include <string>

#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"

namespace ronde::bench {

/// The columns of nccl-tests: means of the maximum over ranks, bandwidths, wrong elements.
[[nodiscard]] std::string NcclHeading(const BenchOptions& options, int ranks);
[[nodiscard]] std::string NcclLine(const Row& row);

/// The columns of the OSU benchmarks with -f: average, least and most over the ranks' own means.
/// Out of place, as there; peers' columns and quantiles come behind.
[[nodiscard]] std::string OsuHeading(const BenchOptions& options, int ranks);
[[nodiscard]] std::string OsuLine(const Row& row);

}  // namespace ronde::bench
