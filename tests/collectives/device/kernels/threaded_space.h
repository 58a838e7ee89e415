#pragma once

#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/device/launch_simulated.h"

namespace ronde {

/// A space of several threads per block, which SimulatedSpace has not: what one thread of a block
/// does for the others shows. With a seed, threads stop at random where words are loaded or stored.
class ThreadedSpace : public SimulatedSpace {
 public:
  struct Block {
    explicit Block(int threads) : barrier(threads) {}
    std::barrier<> barrier;
    std::atomic<int> votes{0};
  };

  ThreadedSpace(int block, int blocks, int thread, int threads, Block& shared, std::uint64_t seed)
      : SimulatedSpace(block, blocks),
        thread_(thread),
        threads_(threads),
        shared_(shared),
        delays_(seed != 0),
        random_(static_cast<unsigned>(seed * 7919 + block * 31 + thread)) {}

  [[nodiscard]] int thread() const { return thread_; }
  [[nodiscard]] int threads() const { return threads_; }
  void SyncBlock() { shared_.barrier.arrive_and_wait(); }
  [[nodiscard]] bool SyncBlockOr(bool value) {
    if (value) shared_.votes.fetch_add(1);
    SyncBlock();
    const bool any = shared_.votes.load() != 0;
    SyncBlock();
    if (value) shared_.votes.fetch_sub(1);
    SyncBlock();
    return any;
  }
  [[nodiscard]] std::uint64_t LoadAcquire(const std::uint64_t* word) {
    Delay();
    return SimulatedSpace::LoadAcquire(word);
  }
  void StoreRelease(std::uint64_t* word, std::uint64_t value) {
    Delay();
    SimulatedSpace::StoreRelease(word, value);
  }

 private:
  void Delay() {
    if (!delays_) return;
    for (unsigned turns = random_() % 4; turns > 0; --turns) std::this_thread::yield();
  }

  int thread_;
  int threads_;
  Block& shared_;
  bool delays_;
  std::minstd_rand random_;
};

/// Runs `kernel` to its end.
template <typename Kernel>
void RunThreaded(int blocks, int threads, const Kernel& kernel, std::uint64_t seed = 0) {
  std::vector<std::unique_ptr<ThreadedSpace::Block>> shared;
  std::vector<std::thread> all;
  for (int block = 0; block < blocks; ++block) {
    ThreadedSpace::Block& mine = *shared.emplace_back(new ThreadedSpace::Block(threads));
    for (int thread = 0; thread < threads; ++thread) {
      all.emplace_back([=, &mine, &kernel] {
        ThreadedSpace space(block, blocks, thread, threads, mine, seed);
        kernel(space);
      });
    }
  }
  for (std::thread& thread : all) thread.join();
}

}  // namespace ronde
