#pragma once

#include <cstddef>

#include "collectives/collective_context.h"
#include "collectives/shared/shared_channel.h"
#include "core/base/status.h"

namespace ronde {

/// One round among the ranks of a host in which each shows all others a few bytes, in the flag
/// lines of the shared channel, where they are written and read in place.
class TinyRound {
 public:
  /// Whether so many bytes fit.
  [[nodiscard]] static bool Takes(std::size_t size_bytes) {
    return size_bytes <= SharedChannel::kTinyBytes;
  }

  explicit TinyRound(CollectiveContext& context)
      : channel_(*context.shared_channel()), deadline_(context.NewDeadline()) {}

  /// Until Run(): to be filled with what this rank shows; 8-byte aligned.
  [[nodiscard]] std::byte* mine() const { return channel_.next_payload(); }
  Status Run() { return channel_.Step(deadline_); }
  /// From Run() until the channel's next round: what `rank` has shown; 8-byte aligned.
  [[nodiscard]] const std::byte* of(int rank) const { return channel_.payload(rank); }

 private:
  SharedChannel& channel_;
  Deadline deadline_;
};

}  // namespace ronde
