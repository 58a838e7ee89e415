#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ronde {

/// Threads that run the blocks of simulated kernels; there are as many as ever ran at once.
/// Thread rule: thread-safe; guarded by its mutex. Destroyed after the last Run has returned.
class SimulatedBlockPool {
 public:
  SimulatedBlockPool() = default;
  ~SimulatedBlockPool();
  /// Calls `body(0)` .. `body(blocks - 1)` on `width` threads, one of them the caller's, and
  /// returns when all have returned. Each thread takes the next block when it is done with one, so
  /// that up to `width` blocks may wait for one another.
  void Run(int blocks, int width, const std::function<void(int block)>& body);

 private:
  struct Launch;
  void RunHelper();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Launch*> wanted_;  // one entry for each helper that a launch still lacks
  int idle_ = 0;                // helpers that look for an entry, or are about to
  bool stop_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace ronde
