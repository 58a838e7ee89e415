#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/base/clock.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/comm/transport.h"
#include "core/device/device.h"

namespace ronde {

/// Device memory that the kernels of all ranks of a host reach, so that they copy nothing in or
/// out: RegisteredMemory's twin. Allocations are symmetric: a MemoryPlace means the same bytes of
/// each rank's own part.
///
/// A block lives as long as the pointers that Allocate has given out, on whichever rank. A rank
/// gives its part back to the device with the first Allocate after all ranks have let go, because
/// until then a peer still has it mapped; what could not be shared goes at once. The pointers may
/// outlive this, but not the device.
/// Thread rule: Allocate is engine-only; the rest is thread-safe.
class MappedDeviceMemory {
 public:
  /// Blocks are numbered from `first_block` on; `device` must outlive this.
  explicit MappedDeviceMemory(Device& device, std::int64_t first_block = 1);
  ~MappedDeviceMemory();
  MappedDeviceMemory(const MappedDeviceMemory&) = delete;
  MappedDeviceMemory& operator=(const MappedDeviceMemory&) = delete;

  /// Collective over all ranks, with the same size; `local` spans those of this host. Zero-filled,
  /// aligned to 256 bytes. Where one of a host's ranks cannot export or map, all of that host get
  /// private memory, of which Find knows nothing. Errors: kUnavailable on all ranks of the host
  /// alike (no memory), kTimeout, kAborted.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> Allocate(Transport& local,
                                                            std::size_t size_bytes,
                                                            Deadline deadline);

  /// Where these bytes lie; a default MemoryPlace where they are not within one block. Takes no
  /// lock for other memory, which is what is asked about most.
  [[nodiscard]] MemoryPlace Find(const void* data, std::size_t size_bytes) const;

  /// The addresses of `place` in the parts of these local ranks, for kernels of this device, its
  /// own included; no `ranks`: of all. `parts` has an element for each. False where the block has
  /// gone.
  [[nodiscard]] bool Peers(const MemoryPlace& place, std::span<const int> ranks,
                           std::span<std::byte*> parts) const;

  /// To be called when a collective has failed and the streams have been told to end: forgets every
  /// block, and keeps its memory for good, whoever lets go of it. A rank that was stopped and goes
  /// on later, in the middle of that collective, perhaps after the end of this rank's session, then
  /// writes into memory that nobody uses for something else.
  void Detach();

 private:
  struct Block;
  struct Handle;
  struct Entry {
    std::int64_t number = 0;
    std::shared_ptr<Block> block;
    std::weak_ptr<Handle> handle;  // expired: the user has let go
  };

  Status GiveBack(Transport& local, const Deadline& deadline);
  Result<std::shared_ptr<Block>> Share(Transport& local, std::size_t size_bytes,
                                       const Deadline& deadline);
  /// Requires mutex_.
  void SetBounds();

  Device* device_;
  std::int64_t last_number_;  // engine-only; the same on all ranks
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;                   // guarded by mutex_
  std::vector<std::shared_ptr<Block>> retired_;  // guarded by mutex_
  // All blocks lie between them. Written under mutex_; relaxed, because whoever has been given a
  // block has been given it after they were set.
  std::atomic<const std::byte*> lowest_{nullptr};
  std::atomic<const std::byte*> highest_{nullptr};
};

}  // namespace ronde
