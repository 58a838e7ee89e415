#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/strcat.h"
#include "core/device/launch.h"
#include "core/device/simulated_device.h"
#include "core/device/space.h"

namespace ronde {

/// A block of one thread on the host; see core/device/space.h. Thread rule: used by its block.
class SimulatedSpace {
 public:
  SimulatedSpace(int block, int blocks) : block_(block), blocks_(blocks) {}

  [[nodiscard]] int block() const { return block_; }
  [[nodiscard]] int blocks() const { return blocks_; }
  [[nodiscard]] int thread() const { return 0; }
  [[nodiscard]] int threads() const { return 1; }
  void SyncBlock() {}
  [[nodiscard]] bool SyncBlockOr(bool value) { return value; }

  // atomic_ref of a const word is C++26.
  [[nodiscard]] std::uint64_t LoadAcquire(const std::uint64_t* word) {
    return std::atomic_ref(*const_cast<std::uint64_t*>(word)).load(std::memory_order_acquire);
  }
  void StoreRelease(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref(*word).store(value, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t LoadRelaxed(const std::uint64_t* word) {
    return std::atomic_ref(*const_cast<std::uint64_t*>(word)).load(std::memory_order_relaxed);
  }
  void StoreRelaxed(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref(*word).store(value, std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t NowNs() const { return SteadyClock().NowNs(); }
  /// More blocks than cores wait at once: most turns go to others.
  void Pause() {
    if (++turns_ % 8 == 0) sched_yield();
  }

 private:
  int block_;
  int blocks_;
  unsigned turns_ = 0;
};

/// Gives a launch of `kernel` (copied) to a stream of a SimulatedDevice. Blocks are threads, up to
/// the device's concurrent_blocks() at once. Errors: kInternal for another kind of device.
template <class Kernel>
Status LaunchSimulated(StreamView stream, LaunchShape shape, const Kernel& kernel) {
  if (stream.device == nullptr || stream.device->kind() != DeviceKind::kSimulated) {
    return Status::Internal("a kernel for a simulated device was launched on another");
  }
  const int blocks = shape.blocks;
  return static_cast<SimulatedDevice*>(stream.device)
      ->Launch(stream.native, blocks, [kernel, blocks](int block) {
        SimulatedSpace space(block, blocks);
        kernel(space);
      });
}

/// For a kernel library that is written over a way of launching.
struct SimulatedLauncher {
  template <class Kernel>
  static Status Launch(StreamView stream, LaunchShape shape, const Kernel& kernel) {
    return LaunchSimulated(stream, shape, kernel);
  }
};

}  // namespace ronde
