#pragma once

#include <cstdint>

namespace ronde {

/// What may change while a job runs. Only a list of responses changes it, so that all ranks switch
/// at the same operation.
struct Tunables {
  std::int64_t fusion_threshold_bytes = 0;
  double cycle_time_ms = 0;
  std::int64_t chunk_bytes = 0;
  /// Up to this size ranks that share memory reduce in one shot, above it in two.
  std::int64_t one_shot_bytes = 0;
  /// Whether several hosts reduce inside each host first; without meaning on one.
  bool hierarchical = true;

  friend bool operator==(const Tunables&, const Tunables&) = default;
};

}  // namespace ronde
