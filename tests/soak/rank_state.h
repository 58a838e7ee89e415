#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace ronde::soak {

/// What a rank is doing, for whoever finds it stuck. Thread-safe.
class RankState {
 public:
  void Set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
    // Relaxed: only whether it changes matters.
    progress_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  [[nodiscard]] std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::string text_ = "has not begun";  // guarded by mutex_
  std::atomic<std::uint64_t> progress_{0};
};

}  // namespace ronde::soak
