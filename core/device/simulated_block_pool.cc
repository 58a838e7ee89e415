#include "core/device/simulated_block_pool.h"

#include <algorithm>
#include <atomic>

namespace ronde {

struct SimulatedBlockPool::Launch {
  Launch(int count, const std::function<void(int)>& of_block) : blocks(count), body(of_block) {}

  int blocks;
  const std::function<void(int)>& body;
  std::atomic<int> next{0};
  int helpers = 0;  // guarded by the pool's mutex
  std::condition_variable helpers_done;

  void TakeBlocks() {
    while (true) {
      // Relaxed: only the number matters; the pool's mutex orders the blocks' memory.
      const int block = next.fetch_add(1, std::memory_order_relaxed);
      if (block >= blocks) return;
      body(block);
    }
  }
};

SimulatedBlockPool::~SimulatedBlockPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  for (std::thread& helper : helpers_) helper.join();
}

void SimulatedBlockPool::Run(int blocks, int width, const std::function<void(int)>& body) {
  Launch launch(blocks, body);
  const int helpers = std::min(width, blocks) - 1;
  if (helpers > 0) {
    const std::lock_guard lock(mutex_);
    launch.helpers = helpers;
    wanted_.insert(wanted_.end(), helpers, &launch);
    // Another launch may have claimed the idle ones: no helper may be counted twice, or blocks that
    // wait for one another would wait for a thread.
    for (; idle_ < static_cast<int>(wanted_.size()); ++idle_) {
      helpers_.emplace_back([this] { RunHelper(); });
    }
    changed_.notify_all();
  }
  launch.TakeBlocks();
  if (helpers <= 0) return;
  std::unique_lock lock(mutex_);
  launch.helpers_done.wait(lock, [&] { return launch.helpers == 0; });
}

void SimulatedBlockPool::RunHelper() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !wanted_.empty(); });
    if (wanted_.empty()) return;
    Launch* const launch = wanted_.front();
    wanted_.pop_front();
    --idle_;
    lock.unlock();
    launch->TakeBlocks();
    lock.lock();
    ++idle_;
    if (--launch->helpers == 0) launch->helpers_done.notify_one();
  }
}

}  // namespace ronde
