#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/control/executor.h"
#include "core/device/device_buffer.h"
#include "core/device/event.h"
#include "core/device/stream.h"
#include "tensor_fusion/batch_notes.h"
#include "tensor_fusion/pack.h"

namespace ronde {

/// Operations on device memory that have no form there: the input is copied to pinned host memory,
/// the host's collective runs there, and the output is copied back, by a stream of its own. The
/// calling thread waits for the first copy and for the collective, not for the copy back.
/// Cost: that of the host's collective and, per byte, two copies over the bus. Pinned memory grows
/// to the largest operation and is kept. Thread rule: engine-only.
class StagedOperations {
 public:
  /// Runs an operation whose buffers are in host memory.
  using RunOnHost = std::function<Status(ReadyOperation&)>;
  /// Whether to stop waiting for the device.
  using IsInterrupted = std::function<bool()>;

  /// All must outlive this.
  StagedOperations(RunOnHost run_on_host, IsInterrupted is_interrupted, BatchNotes& notes)
      : run_on_host_(std::move(run_on_host)),
        is_interrupted_(std::move(is_interrupted)),
        notes_(notes) {}

  /// Waits for the stream, for a while.
  ~StagedOperations();
  StagedOperations(const StagedOperations&) = delete;
  StagedOperations& operator=(const StagedOperations&) = delete;

  /// The stream on which all is copied; made at the first call.
  [[nodiscard]] Result<StreamView> OpenStream(Device& device);

  /// One operation of any kind, in device memory. What it waits for has been given to the stream.
  /// Errors: kTimeout, kAborted (the device), those of the collective.
  Status Run(ReadyOperation& operation, const Deadline& deadline);
  /// An allreduce of several tensors at once, as `request` says but for their number.
  Status RunTensors(const Request& request, std::span<const PackedTensor> tensors,
                    const Deadline& deadline);
  /// The pinned memory of the last call, which the copies back still read.
  [[nodiscard]] std::shared_ptr<const void> memory() const { return memory_; }

 private:
  Result<std::byte*> Reserve(std::size_t size_bytes);
  Status Copy(void* target, const void* source, std::size_t size_bytes);
  /// Until the stream has done what it was given.
  Status WaitForStream(const Deadline& deadline);

  const RunOnHost run_on_host_;
  const IsInterrupted is_interrupted_;
  BatchNotes& notes_;
  Stream stream_;
  Event copied_;
  std::shared_ptr<DeviceBuffer> memory_;  // shared with the flights that use it
};

}  // namespace ronde
