#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/collectives/collective.h"
#include "bench/collectives/runner.h"

namespace ronde::bench {

/// Microseconds a call.
struct Timing {
  // Of samples that are each the maximum over ranks.
  double mean_us = 0;
  double p50_us = 0;
  double p99_us = 0;
  // Of the ranks' own means, which is what the OSU benchmarks show.
  double rank_average_us = 0;
  double rank_least_us = 0;
  double rank_most_us = 0;
};

/// Mean and quantiles of `samples` in any order; all zero when empty.
[[nodiscard]] Timing Summarize(std::vector<double> samples);

/// The median of a[i] / b[i]: of samples that were taken at nearly the same times, so that a
/// machine whose speed changes from second to second does not decide it. 0 when empty.
[[nodiscard]] double MedianRatio(const std::vector<double>& a, const std::vector<double>& b);

/// How calls are timed.
struct TimingRules {
  bool cold = false;       ///< buffers are evicted from the caches before each call, untimed
  bool consume = false;    ///< each rank reads its result, timed
  bool on_device = false;  ///< calls are issued, and waited for at the end of each sample
};

/// Calls per timed sample: a clock read, or a wait for a device, costs as much as a tiny
/// collective.
[[nodiscard]] int CallsPerSample(std::int64_t size_bytes, const TimingRules& rules);

/// Collective: appends `samples` timed samples (microseconds a call, on this rank) to `into`.
Status TimeCalls(CollectiveRunner& runner, const CollectiveCall& call, const TimingRules& rules,
                 int samples, std::vector<double>& into);

/// One size of one type and operator. Bandwidths follow nccl-tests: algbw = size / time,
/// busbw = algbw * BusFactor.
struct Row {
  Collective collective = Collective::kAllreduce;
  std::string path;
  std::string buffers;
  std::string device = "cpu";  ///< as of --device
  std::string algorithm;
  std::int64_t size_bytes = 0;
  std::int64_t count = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  int root = 0;
  int ranks = 1;
  int samples = 0;
  TimingRules rules;
  /// Index 0 is out of place, 1 in place, which not every collective has.
  Timing timing[2];
  std::int64_t wrong[2] = {0, 0};
  bool checked = false;

  struct Peer {
    std::string name;
    bool supported = false;
    Timing timing[2];
    std::int64_t wrong[2] = {0, 0};
    std::string algorithm;
  };
  std::vector<Peer> peers;

  /// How fast memory itself is: see BoundRunner. Index 0 is copied, index 1 changed in place.
  struct Bound {
    Timing timing[2];
    double percent[2] = {0, 0};  ///< the share of it that is reached: see MedianRatio
    std::string kernel;
    Timing read;
  };
  std::optional<Bound> bound;

  [[nodiscard]] int places() const { return RunsInPlace(collective) ? 2 : 1; }
  /// The operator as text; "none" where nothing is reduced.
  [[nodiscard]] std::string OpName() const {
    return Reduces(collective) ? std::string(ronde::Name(op)) : "none";
  }
  [[nodiscard]] double AlgorithmBandwidth(const Timing& of) const {
    return of.mean_us > 0 ? static_cast<double>(size_bytes) / of.mean_us / 1e3 : 0;
  }
  [[nodiscard]] double BusBandwidth(const Timing& of) const {
    return AlgorithmBandwidth(of) * BusFactor(collective, ranks);
  }
};

}  // namespace ronde::bench
