#pragma once

#include <cstdint>

#include "core/base/clock.h"

namespace ronde {

/// Cuts time into laps without gaps, so that the laps of a loop add up to its duration.
class Stopwatch {
 public:
  explicit Stopwatch(const Clock& clock)
      : clock_(clock), start_ns_(clock.NowNs()), lap_ns_(start_ns_) {}

  /// Seconds since the last lap, or since the start.
  double Lap() {
    const std::int64_t now_ns = clock_.NowNs();
    const double seconds = static_cast<double>(now_ns - lap_ns_) * 1e-9;
    lap_ns_ = now_ns;
    return seconds;
  }
  /// The time since the last lap counts nowhere.
  void Skip() {
    const std::int64_t now_ns = clock_.NowNs();
    start_ns_ += now_ns - lap_ns_;
    lap_ns_ = now_ns;
  }
  /// Seconds of all laps together: from the start to the last lap, less what was skipped.
  [[nodiscard]] double Total() const { return static_cast<double>(lap_ns_ - start_ns_) * 1e-9; }

 private:
  const Clock& clock_;
  std::int64_t start_ns_;
  std::int64_t lap_ns_;
};

}  // namespace ronde
