#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/status.h"
#include "core/device/device_buffer.h"
#include "core/device/event.h"
#include "core/device/stream.h"
#include "frontends/resnet/data/batch_loader.h"

namespace ronde {

/// A batch in the memory of a device; see Batch.
struct DeviceBatch {
  std::int64_t count = 0;
  float* pixels = nullptr;
  std::int64_t* labels = nullptr;
};

/// Copies a loader's batches to a device, on a stream of its own and one batch ahead: while the
/// consumer's stream works on one, the next arrives in the other of two buffers. Nothing waits for
/// the device but the host for the end of a copy that began a batch ago, before the loader may
/// write there again.
///
///   while (batch = Next(stream)) { give work on `batch` to the stream; Prefetch(); }
///
/// Errors: kUnavailable (memory), kInternal (the driver). Thread rule: one thread.
class DevicePrefetch {
 public:
  /// `loader`, best with pinned memory, gives at most `batch_size` images of `pixels` floats; it,
  /// the device and the consumer's stream must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<DevicePrefetch>> Create(Device& device,
                                                                      BatchLoader& loader,
                                                                      std::int64_t batch_size,
                                                                      std::int64_t pixels);
  /// Waits for the copy under way and for all that the consumer's stream has been given.
  ~DevicePrefetch();

  /// The next batch, for work that is given to `consumer` until the next call; null after the last.
  /// `consumer` waits for its arrival.
  [[nodiscard]] Result<const DeviceBatch*> Next(StreamView consumer);
  /// Starts to copy the batch after that. Blocks while the loader has none, so the work on the
  /// present one should have been given. Next() does it where it has not been called.
  Status Prefetch();

 private:
  struct Slot {
    DeviceBuffer memory;
    Event arrived;
    Event used;  // by the consumer
    DeviceBatch batch;
    bool was_used = false;
  };

  DevicePrefetch(BatchLoader& loader, std::size_t label_offset)
      : loader_(loader), label_offset_(label_offset) {}
  Status WaitForCopy();
  [[nodiscard]] Slot& LastGiven() { return slots_[static_cast<std::size_t>((given_ - 1) % 2)]; }

  BatchLoader& loader_;
  const std::size_t label_offset_;
  Stream stream_;
  StreamView consumer_;
  std::array<Slot, 2> slots_;
  std::int64_t started_ = 0;  // copies
  std::int64_t given_ = 0;    // batches
  bool at_end_ = false;
};

}  // namespace ronde
