#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/observation/observer.h"

namespace ronde {

/// Keeps what an engine tells. Thread rule: thread-safe; guarded by its mutex.
class RecordingObserver final : public EngineObserver {
 public:
  struct Agreed {
    std::string name;
    std::int64_t submitted_ns = 0;
    std::int64_t now_ns = 0;
  };

  void OnList(const ListInfo& info, std::int64_t /*now_ns*/) override {
    const std::lock_guard lock(mutex_);
    lists_.push_back(info);
  }
  void OnAgreed(const Request& request, std::int64_t submitted_ns, std::int64_t now_ns) override {
    const std::lock_guard lock(mutex_);
    agreed_.push_back({request.name, submitted_ns, now_ns});
  }
  void OnStraggler(int rank, std::string_view /*name*/, std::int64_t /*wait_ns*/) override {
    const std::lock_guard lock(mutex_);
    stragglers_.push_back(rank);
  }

  /// Operations that were answered since the last call: from the cache, and in full.
  std::pair<std::size_t, std::size_t> TakeCounts() {
    const std::lock_guard lock(mutex_);
    std::pair<std::size_t, std::size_t> counts;
    for (const ListInfo& info : std::exchange(lists_, {})) {
      counts.first += info.cached;
      counts.second += info.negotiated;
    }
    return counts;
  }
  std::vector<Agreed> TakeAgreed() {
    const std::lock_guard lock(mutex_);
    return std::exchange(agreed_, {});
  }
  std::vector<int> TakeStragglers() {
    const std::lock_guard lock(mutex_);
    return std::exchange(stragglers_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<ListInfo> lists_;
  std::vector<Agreed> agreed_;
  std::vector<int> stragglers_;
};

}  // namespace ronde
