#pragma once

#include <cstdint>

namespace ronde {

/// Whether others want this thread's core, which nobody else can tell: ranks in containers share
/// cores that they do not know of, and a computation may have more threads than there are cores. It
/// shows in how long a sched_yield takes: next to nothing where nobody waits for the core. Thread
/// rule: one thread's.
class CrowdSense {
 public:
  /// To be told how long each yield took.
  void Note(std::int64_t yield_ns) {
    if (yield_ns >= kSomebodyRanNs) {
      yields_left_ = kRemembered;
    } else if (yields_left_ > 0) {
      --yields_left_;
    }
  }
  /// Then a waiter had better yield at every turn: whoever it waits for may need this core.
  [[nodiscard]] bool crowded() const { return yields_left_ > 0; }

 private:
  // A yield to nobody is a system call, 0.2 to 0.5 us; to somebody it is two switches at least.
  static constexpr std::int64_t kSomebodyRanNs = 1500;
  // Yields in vain until the core counts as free again.
  static constexpr int kRemembered = 64;

  int yields_left_ = 0;
};

}  // namespace ronde
