#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/clock.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/comm/shared_segment.h"
#include "core/comm/transport.h"

namespace ronde {

/// Memory that collectives reach on every rank of a host, so that they copy nothing in or out.
/// Blocks live as long as the pointers that Allocate has given out.
/// Thread rule: Allocate is engine-only; the rest is thread-safe.
class RegisteredMemory {
 public:
  /// Collective over all ranks, with the same size; `local` spans those of this host. Zero-filled,
  /// page-aligned. Where a host's ranks cannot share memory, its ranks get ordinary memory.
  /// Errors: kUnavailable (no memory), kTimeout, kAborted.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> Allocate(Transport& local,
                                                            std::size_t size_bytes,
                                                            Deadline deadline);

  /// Where these bytes lie; a default MemoryPlace where they are not within one block. Takes no
  /// lock for ordinary memory, nor for the block that the calling thread has found last.
  [[nodiscard]] MemoryPlace Find(const void* data, std::size_t size_bytes) const;

  /// The parts of all local ranks in the block of `place`; null where it has gone.
  [[nodiscard]] std::shared_ptr<const SharedSegment> Segment(const MemoryPlace& place) const;

  /// To be called when a collective that was to read or write here has failed: these bytes become
  /// private at the same addresses. A rank that was stopped and wakes later, in the middle of that
  /// collective, then works on memory that nobody else does. Only for what is lent to it: the
  /// caller goes on working with the rest. The block is registered no more. Nothing where `place`
  /// is not registered.
  void Detach(const MemoryPlace& place, std::size_t size_bytes);

 private:
  struct Block {
    std::int64_t number = 0;
    std::weak_ptr<SharedSegment> segment;
    const std::byte* begin = nullptr;  // of this rank's part
    std::size_t size_bytes = 0;
    bool detached = false;  // in part
  };

  /// What a thread remembers; good while `version` is that of the memory, and 0 is nobody's.
  struct LastFound {
    std::uint64_t version = 0;
    std::int64_t number = 0;
    const std::byte* begin = nullptr;
    std::size_t size_bytes = 0;
  };
  // Shared with the blocks, which may outlive this. One number is never given out twice, so that
  // it also tells memories apart.
  using Version = std::shared_ptr<std::atomic<std::uint64_t>>;
  [[nodiscard]] static std::uint64_t NewVersion();

  /// Requires mutex_: forgets what has been given back, and sets the bounds.
  void Tidy();

  mutable std::mutex mutex_;
  std::vector<Block> blocks_;     // guarded by mutex_
  std::int64_t last_number_ = 0;  // engine-only; the same on all ranks
  // All blocks lie between them. Written under mutex_; relaxed, because whoever has been given a
  // block has been given it after they were set.
  std::atomic<const std::byte*> lowest_{nullptr};
  std::atomic<const std::byte*> highest_{nullptr};
  // Changes before a block goes. Relaxed, for a like reason: an address is asked about again by
  // someone who knows that the block has been given back.
  const Version version_ = std::make_shared<std::atomic<std::uint64_t>>(NewVersion());
};

}  // namespace ronde
