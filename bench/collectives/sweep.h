#pragma once

#include <functional>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/direct_runner.h"
#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"
#include "bench/collectives/session_maker.h"

namespace ronde::bench {

/// Collective: spends some time in barriers, so that the scheduler gives ranks that have just been
/// started cores of their own.
Status LetRanksSpread(DirectRunner& direct);

/// What the rows of a sweep run on, besides the ranks' own world.
struct SweepParts {
  BenchDevice* device = nullptr;  ///< where buffers lie; null: in host memory
  SessionMaker make_session = &Session::Create;
};

/// Collective: measures every (type, operator, size) of `options`, Ronde and its peers in turn
/// within each size so that drifts of the machine meet them all, and hands each finished row to
/// `sink` on every rank.
/// Errors: kInvalidArgument for a root that does not exist and kUnavailable where settings name an
/// algorithm that cannot make one of the calls, both before the first row; those of the
/// collectives.
Status Sweep(const BenchOptions& options, const Config& config, DirectRunner& direct,
             const SweepParts& parts, const std::function<void(const Row&)>& sink);
inline Status Sweep(const BenchOptions& options, const Config& config, DirectRunner& direct,
                    const std::function<void(const Row&)>& sink) {
  return Sweep(options, config, direct, {}, sink);
}

}  // namespace ronde::bench
