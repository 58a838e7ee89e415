#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace ronde {

/// The pause between two looks at a device, which rings no bell at the host: first none but a turn
/// for other threads, then growing sleeps, up to a fifth of a millisecond.
/// Thread rule: used by one thread.
class Polling {
 public:
  void Pause() {
    if (turns_ < kYields) {
      ++turns_;
      std::this_thread::yield();
      return;
    }
    std::this_thread::sleep_for(sleep_);
    sleep_ = std::min(sleep_ + sleep_ / 2, std::chrono::nanoseconds(kLongestSleepNs));
  }

 private:
  static constexpr int kYields = 50;
  static constexpr int kLongestSleepNs = 200'000;
  int turns_ = 0;
  std::chrono::nanoseconds sleep_{5'000};
};

}  // namespace ronde
