#pragma once

#include <cstdint>

namespace ronde {

/// Where a buffer lies in memory that all ranks of its host have mapped (see RegisteredMemory).
/// Allocations are symmetric: a place means the same bytes of each rank's own part.
struct MemoryPlace {
  std::int64_t block = 0;   ///< which allocation, counted from 1; 0: ordinary memory
  std::int64_t offset = 0;  ///< bytes from its start

  [[nodiscard]] bool registered() const { return block != 0; }
  friend bool operator==(const MemoryPlace&, const MemoryPlace&) = default;
};

}  // namespace ronde
