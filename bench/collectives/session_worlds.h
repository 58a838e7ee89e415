#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "core/comm/transports/in_process.h"

namespace ronde::bench {

/// A world for each session: the ranks' own belongs to the benchmark. Thread-safe.
class SessionWorlds {
 public:
  explicit SessionWorlds(int ranks) : ranks_(ranks) {}

  std::unique_ptr<Transport> Connect(std::size_t session, int rank) {
    const std::lock_guard lock(mutex_);
    while (worlds_.size() <= session) worlds_.push_back(std::make_unique<InProcessWorld>(ranks_));
    return worlds_[session]->Connect(rank);
  }

 private:
  const int ranks_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<InProcessWorld>> worlds_;
};

}  // namespace ronde::bench
