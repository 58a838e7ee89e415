#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"

namespace ronde {

/// Time that only tests move.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return now_ns_.load(); }
  void Advance(double seconds) { now_ns_ += static_cast<std::int64_t>(seconds * 1e9); }

 private:
  std::atomic<std::int64_t> now_ns_{1'000'000'000};
};

}  // namespace ronde
