#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>

#include "collectives/collective_context.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

// Large messages travel in segments: while one is worked on, the next are on the wire.

namespace ronde {

/// How many segments a rank has on the wire in one direction.
inline constexpr std::size_t kSegmentsInFlight = 4;

/// A segment's size, equal on all ranks: --chunk-bytes, in whole cache lines.
[[nodiscard]] std::size_t SegmentBytes(CollectiveContext& context);

/// A row of bytes, cut into segments. Any number may be asked for: those behind the end are empty.
class Segments {
 public:
  Segments(std::size_t size_bytes, std::size_t segment_bytes)
      : size_bytes_(size_bytes), segment_bytes_(segment_bytes) {}

  [[nodiscard]] std::size_t count() const {
    return (size_bytes_ + segment_bytes_ - 1) / segment_bytes_;
  }
  [[nodiscard]] std::size_t begin(std::size_t segment) const {
    return std::min(size_bytes_, segment * segment_bytes_);
  }
  [[nodiscard]] std::size_t size(std::size_t segment) const {
    return begin(segment + 1) - begin(segment);
  }
  template <typename Byte>
  [[nodiscard]] std::span<Byte> of(std::span<Byte> row, std::size_t segment) const {
    return row.subspan(begin(segment), size(segment));
  }

 private:
  std::size_t size_bytes_;
  std::size_t segment_bytes_;
};

/// Transfers under way, in the order in which they were started. Gives up, when it is destroyed,
/// those that are not complete.
class TransferQueue {
 public:
  explicit TransferQueue(Deadline deadline) : deadline_(deadline) {}

  /// Adds what StartSend or StartReceive has returned.
  Status Add(Result<std::unique_ptr<PendingTransfer>> started);
  /// Starts and adds a message of any size, cut into segments, with which some libraries use both
  /// directions of a link and with single large messages do not. Nothing where it is empty.
  Status Send(Transport& transport, int peer, int tag, std::span<const std::byte> data,
              std::size_t segment_bytes);
  Status Receive(Transport& transport, int peer, int tag, std::span<std::byte> data,
                 std::size_t segment_bytes);
  /// How many have been added so far.
  [[nodiscard]] std::size_t added() const { return added_; }

  /// Blocks until the first `count` that were added are complete. Errors: kTimeout, kAborted.
  Status FinishFirst(std::size_t count);
  /// The same for all but the last `left`.
  Status FinishAllBut(std::size_t left) { return FinishFirst(added_ - std::min(added_, left)); }
  /// Moves what can be moved without waiting. Some transports need that wherever this thread waits
  /// for ranks of its host, which may themselves wait for what this rank is sending to others.
  Status Progress();

 private:
  Deadline deadline_;
  std::deque<std::unique_ptr<PendingTransfer>> transfers_;
  std::size_t added_ = 0;
};

/// Transport::SendReceive, in segments where a message is larger than one.
Status ExchangeInSegments(CollectiveContext& context, int destination,
                          std::span<const std::byte> send, int source, std::span<std::byte> receive,
                          int tag, const Deadline& deadline);

}  // namespace ronde
