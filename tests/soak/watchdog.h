#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "tests/soak/rank_state.h"

namespace ronde::soak {

/// Ends the process, with what every rank is doing, once no rank has made a step for `patience_s`.
class Watchdog {
 public:
  Watchdog(const std::deque<RankState>& ranks, std::string title, double patience_s)
      : ranks_(ranks),
        title_(std::move(title)),
        patience_(patience_s),
        thread_([this] { Watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  [[nodiscard]] std::uint64_t Progress() const {
    std::uint64_t sum = 0;
    for (const RankState& rank : ranks_) sum += rank.progress();
    return sum;
  }
  void Watch() {
    std::unique_lock lock(mutex_);
    for (std::uint64_t before = Progress() + 1; before != Progress();) {
      before = Progress();
      if (changed_.wait_for(lock, patience_, [this] { return finished_; })) return;
    }
    std::fprintf(stderr, "soak: HANG: nothing has happened for %.0f s: %s\n", patience_.count(),
                 title_.c_str());
    int number = 0;
    for (const RankState& rank : ranks_) {
      std::fprintf(stderr, "soak:   rank thread %d: %s\n", number++, rank.text().c_str());
    }
    std::_Exit(99);
  }

  const std::deque<RankState>& ranks_;
  const std::string title_;
  const std::chrono::duration<double> patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace ronde::soak
