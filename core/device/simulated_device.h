#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "core/device/device.h"
#include "core/device/simulated_block_pool.h"
#include "core/device/simulated_memory.h"
#include "core/device/simulated_stream.h"

namespace ronde {

/// A device for tests and for machines without one: a stream is a thread with a queue, a kernel's
/// block a thread of a pool, device memory is host memory. What CUDA leaves open is used against
/// the caller: copies read their source late, whatever memory it lies in; fresh and freed memory
/// holds rubbish; with `delay_seed` work begins at random times, so that a missing wait shows as
/// wrong data.
/// A failed stream stays failed, skips its work, and so do streams that wait for its events.
/// Thread rule: thread-safe. Destruction runs what has been given to it, then ends.
class SimulatedDevice : public Device {
 public:
  struct Options {
    int index = 0;
    std::size_t memory_bytes = std::size_t{1} << 40;  ///< the limit of device memory
    std::uint64_t delay_seed = 0;                     ///< 0: no delays
    int longest_delay_us = 200;
    bool exportable = true;     ///< else Export is kUnavailable, as between some containers
    int concurrent_blocks = 4;  ///< more blocks of a launch run when others have ended
  };
  SimulatedDevice() : SimulatedDevice(Options()) {}
  explicit SimulatedDevice(const Options& options);
  ~SimulatedDevice() override;

  // --- What tests do to it and see of it.
  /// Fails the stream behind the work that it has.
  void InjectStreamError(void* stream, Status error);
  /// Nothing of this stream begins until Resume.
  void Hold(void* stream);
  void Resume(void* stream);
  [[nodiscard]] std::size_t used_bytes() const { return memory_.used_bytes(); }
  [[nodiscard]] int mappings() const;
  /// Launches so far.
  [[nodiscard]] std::int64_t launches() const { return launches_.load(std::memory_order_relaxed); }

  /// `body(block)` for all blocks, on the stream; see core/device/launch_simulated.h.
  Status Launch(void* stream, int blocks, std::function<void(int block)> body);

  [[nodiscard]] DeviceKind kind() const override { return DeviceKind::kSimulated; }
  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  [[nodiscard]] int concurrent_blocks() const override { return options_.concurrent_blocks; }
  [[nodiscard]] Result<void*> Allocate(std::size_t size_bytes) override;
  void Free(void* memory) override { memory_.Free(memory); }
  [[nodiscard]] Result<void*> AllocatePinned(std::size_t size_bytes) override;
  void FreePinned(void* memory) override { pinned_.Free(memory); }
  [[nodiscard]] bool Owns(const void* memory) const override;
  [[nodiscard]] Result<MemoryExport> Export(const void* memory, std::size_t size_bytes) override;
  [[nodiscard]] Result<void*> Map(const MemoryExport& memory) override;
  void Unmap(void* memory) override;
  [[nodiscard]] Result<void*> CreateStream(StreamPriority priority) override;
  void DestroyStream(void* stream) override;
  [[nodiscard]] Result<void*> CreateEvent() override;
  void DestroyEvent(void* event) override;
  Status Record(void* event, void* stream) override;
  Status WaitFor(void* stream, void* event) override;
  [[nodiscard]] Result<bool> Happened(void* event) override;
  Status Copy(void* target, const void* source, std::size_t size_bytes, void* stream) override;
  Status FillZero(void* target, std::size_t size_bytes, void* stream) override;
  Status Synchronize(void* stream, Deadline deadline) override;

 private:
  [[nodiscard]] SimulatedStream& StreamOf(void* native);
  [[nodiscard]] Status OutOfMemory(const SimulatedMemory& memory, std::size_t size_bytes) const;
  /// Work that a failed stream skips, after a delay.
  void EnqueueWork(void* stream, std::function<void()> work);
  void Delay();
  void ForgetFinishedStreams();  // requires mutex_
  void WaitForStreams();

  const Options options_;
  const DeviceInfo info_;
  const ProcessToken process_;
  SimulatedMemory memory_;
  SimulatedMemory pinned_;
  SimulatedBlockPool blocks_;
  std::atomic<bool> stop_{false};  // ends waits for events that never happen
  std::atomic<std::int64_t> launches_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::minstd_rand random_;
  int mappings_ = 0;
  struct Gate;
  std::vector<std::pair<void*, std::shared_ptr<Gate>>> gates_;
  std::unique_ptr<SimulatedStream> default_stream_;
  std::vector<std::unique_ptr<SimulatedStream>> streams_;
  std::vector<std::unique_ptr<SimulatedStream>> closed_streams_;
};

}  // namespace ronde
