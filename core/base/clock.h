#pragma once

#include <chrono>
#include <cstdint>

namespace ronde {

/// A monotonic clock, injected so that tests can move time by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds since an arbitrary origin; never decreases. Thread-safe.
  [[nodiscard]] virtual std::int64_t NowNs() const = 0;
};

/// std::chrono::steady_clock. Stateless, thread-safe.
class SteadyClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

/// A point in (steady) time after which a wait gives up. Immutable value type.
class Deadline {
 public:
  /// `seconds` from now; zero or negative has expired already.
  static Deadline After(double seconds) {
    return Deadline(SteadyClock().NowNs() + static_cast<std::int64_t>(seconds * 1e9));
  }
  /// For waits that something else bounds (liveness checks, the stall inspector).
  static Deadline Never() { return Deadline(INT64_MAX); }

  [[nodiscard]] bool Expired() const {
    return at_ns_ != INT64_MAX && SteadyClock().NowNs() >= at_ns_;
  }
  /// Nanoseconds left, at least 0; INT64_MAX for Never().
  [[nodiscard]] std::int64_t RemainingNs() const {
    if (at_ns_ == INT64_MAX) return INT64_MAX;
    const std::int64_t left = at_ns_ - SteadyClock().NowNs();
    return left > 0 ? left : 0;
  }

 private:
  explicit Deadline(std::int64_t at_ns) : at_ns_(at_ns) {}
  std::int64_t at_ns_;
};

}  // namespace ronde
