#pragma once

#include <functional>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"

namespace ronde::bench {

/// Collective: spends some time in barriers, so that the scheduler gives ranks that have just been
/// started cores of their own.
Status LetRanksSpread(DirectRunner& direct);

/// Collective: measures every (type, operator, size) of `options`, Ronde and its peers in turn
/// within each size so that drifts of the machine meet them all, and hands each finished row to
/// `sink` on every rank.
/// Errors: kInvalidArgument for a root that does not exist; those of the collectives.
Status Sweep(const BenchOptions& options, const Config& config, DirectRunner& direct,
             const std::function<void(const Row&)>& sink);

}  // namespace ronde::bench
