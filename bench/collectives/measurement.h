#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/collectives/runner.h"
#include "core/base/types.h"

namespace ronde::bench {

/// Microseconds a call, from samples that are each the maximum over ranks.
struct Timing {
  double mean_us = 0;
  double p50_us = 0;
  double p99_us = 0;
};

/// `samples` in any order; all zero when empty.
[[nodiscard]] Timing Summarize(std::vector<double> samples);

/// Calls per timed sample: a clock read costs as much as a tiny collective.
[[nodiscard]] int CallsPerSample(std::int64_t size_bytes);

/// Collective: appends `samples` timed samples (microseconds a call, on this rank) to `into`.
Status TimeCalls(AllreduceRunner& runner, const AllreduceArguments& arguments, int samples,
                 std::vector<double>& into);

/// One size of one type and operator. Bandwidths follow nccl-tests: algbw = size / time,
/// busbw = algbw * 2(p-1)/p.
struct Row {
  std::string collective;
  std::string path;
  std::string buffers;
  std::string algorithm;
  std::int64_t size_bytes = 0;
  std::int64_t count = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  int ranks = 1;
  /// Index 0 is out of place, 1 in place.
  Timing timing[2];
  std::int64_t wrong[2] = {0, 0};
  bool checked = false;

  struct Peer {
    std::string name;
    bool supported = false;
    Timing timing[2];
  };
  std::vector<Peer> peers;

  [[nodiscard]] double AlgorithmBandwidth(const Timing& of) const {
    return of.mean_us > 0 ? static_cast<double>(size_bytes) / of.mean_us / 1e3 : 0;
  }
  [[nodiscard]] double BusBandwidth(const Timing& of) const {
    return AlgorithmBandwidth(of) * 2 * (ranks - 1) / ranks;
  }
};

}  // namespace ronde::bench
