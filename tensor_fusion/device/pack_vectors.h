#pragma once

#include <cstddef>
#include <cstdint>

#include "collectives/device/kernels/vector.h"
#include "core/device/space.h"

// Vectors of 16 bytes at addresses that are no multiple of 16.

namespace ronde::kernels {

/// Bytes [shift, shift + 16) of the 32 bytes `low`, `high`; 0 < shift < 16.
RONDE_DEVICE_CODE Vector Shifted(const Vector& low, const Vector& high, int shift) {
  const std::uint32_t words[8] = {low.words[0],  low.words[1],  low.words[2],  low.words[3],
                                  high.words[0], high.words[1], high.words[2], high.words[3]};
  std::uint32_t from[5] = {};
  RONDE_UNROLL
  for (int i = 0; i < 5; ++i) {
    // By choice instead of by index: words stay in registers.
    RONDE_UNROLL
    for (int skip = 0; skip < 4 && i + skip < 8; ++skip) {
      if (skip == shift / 4) from[i] = words[i + skip];
    }
  }
  Vector result;
  RONDE_UNROLL
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t pair = std::uint64_t{from[i + 1]} << 32 | from[i];
    result.words[i] = static_cast<std::uint32_t>(pair >> (shift % 4 * 8));
  }
  return result;
}

/// The 16 bytes at `from`, all of which lie in [begin, end). Nothing outside of it is read.
template <typename Storage>
RONDE_DEVICE_CODE Vector LoadWithin(const std::byte* from, const std::byte* begin,
                                    const std::byte* end) {
  const int shift = static_cast<int>(reinterpret_cast<std::uintptr_t>(from) % kVectorBytes);
  if (shift == 0) return LoadVector(from);
  const std::byte* const low = from - shift;
  if (low >= begin && low + 2 * kVectorBytes <= end) {
    return Shifted(LoadVector(low), LoadVector(low + kVectorBytes), shift);
  }
  Lanes<Storage> lanes;
  RONDE_UNROLL
  for (int i = 0; i < kLanes<Storage>; ++i) {
    lanes.at[i] = reinterpret_cast<const Storage*>(from)[i];
  }
  return VectorOf(lanes);
}

}  // namespace ronde::kernels
