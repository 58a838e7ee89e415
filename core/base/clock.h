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

/// A point in (steady) time after which a wait gives up. A value; copies of one that waits for its
/// first look start on their own. Thread rule: not shared between threads.
class Deadline {
 public:
  /// `seconds` from now; zero or negative has expired already.
  static Deadline After(double seconds) { return AfterFirstLook(seconds).Started(); }
  /// `seconds` from when it is first asked about: for waits that nearly always end before that, and
  /// last less than reading the clock.
  static Deadline AfterFirstLook(double seconds) {
    return Deadline(static_cast<std::int64_t>(seconds * 1e9), /*started=*/false);
  }
  /// For waits that something else bounds (liveness checks, the stall inspector).
  static Deadline Never() { return Deadline(INT64_MAX, /*started=*/true); }

  [[nodiscard]] bool Expired() const {
    if (at_ns_ == INT64_MAX) return false;
    const std::int64_t at_ns = Started().at_ns_;
    return SteadyClock().NowNs() >= at_ns;
  }
  /// Nanoseconds left, at least 0; INT64_MAX for Never().
  [[nodiscard]] std::int64_t RemainingNs() const {
    if (at_ns_ == INT64_MAX) return INT64_MAX;
    const std::int64_t at_ns = Started().at_ns_;
    const std::int64_t left = at_ns - SteadyClock().NowNs();
    return left > 0 ? left : 0;
  }

 private:
  Deadline(std::int64_t at_ns, bool started) : at_ns_(at_ns), started_(started) {}
  const Deadline& Started() const {
    if (!started_) {
      at_ns_ += SteadyClock().NowNs();
      started_ = true;
    }
    return *this;
  }

  mutable std::int64_t at_ns_;  // until started: the whole time
  mutable bool started_;
};

}  // namespace ronde
