#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/comm/transport.h"

namespace ronde {

/// One chunk's shard on its way through a hierarchical allreduce. Its memory belongs to whoever
/// made it; lanes are used again, chunk after chunk.
struct Lane {
  std::byte* own = nullptr;   ///< room for a shard
  std::byte* room = nullptr;  ///< NetSide::RoomBytes() of scratch

  const std::byte* partial = nullptr;  ///< this host's sum of the shard
  std::byte* result = nullptr;         ///< the job's, when it is complete; may equal `partial`
  std::int64_t count = 0;              ///< elements of the shard
  std::vector<std::unique_ptr<PendingTransfer>> transfers;  ///< of the phase under way
};

}  // namespace ronde
