#pragma once

#include <cmath>
#include <cstdint>

#include "core/device/space.h"

namespace ronde {

/// Four neighbours at a multiple of 16 bytes: one access of 128 bits.
struct alignas(16) FloatQuad {
  float at[4];
};

inline constexpr std::int64_t kQuad = 4;

/// Elements from `data` to the next multiple of 16 bytes.
RONDE_DEVICE_CODE std::int64_t ToQuadBorder(const void* data) {
  return static_cast<std::int64_t>((16 - (reinterpret_cast<std::uintptr_t>(data) & 15)) & 15) / 4;
}

/// Whether both reach such a border at the same element.
RONDE_DEVICE_CODE bool SameQuadOffset(const void* a, const void* b) {
  return ((reinterpret_cast<std::uintptr_t>(a) ^ reinterpret_cast<std::uintptr_t>(b)) & 15) == 0;
}

/// a b + c, rounded once; what is written a * b + c is rounded twice, on the device too (nvcc
/// -fmad=false), so that host and device agree to the bit.
RONDE_DEVICE_CODE float MultiplyAdd(float a, float b, float c) { return fmaf(a, b, c); }

}  // namespace ronde
