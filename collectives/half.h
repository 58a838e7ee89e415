#pragma once

#include <cstdint>

// Always inlined, and free of library functions: kernels that are compiled for different
// instruction sets include this.
#define RONDE_ALWAYS_INLINE [[gnu::always_inline]] inline

namespace ronde {

/// IEEE 754 binary16 to binary32, exact. NaNs become quiet, as in the F16C instructions.
RONDE_ALWAYS_INLINE float HalfToFloat(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  if (magnitude > 0x7c00u) return __builtin_bit_cast(float, sign | 0x7fc00000u | (magnitude << 13));
  if (magnitude == 0x7c00u) return __builtin_bit_cast(float, sign | 0x7f800000u);
  if (magnitude >= 0x0400u)
    return __builtin_bit_cast(float, sign | ((magnitude << 13) + 0x38000000u));
  // Subnormal: magnitude * 2^-24, exact in binary32.
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, value));
}

/// binary32 to binary16, round to nearest even; overflow becomes infinity, NaN stays NaN.
RONDE_ALWAYS_INLINE std::uint16_t FloatToHalf(float value) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x1ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536 and above
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: subnormal or zero
    // Adding 0.5 aligns the unit of binary16's subnormals with that of the sum, which rounds.
    const float aligned = __builtin_bit_cast(float, magnitude) + 0.5f;
    half = __builtin_bit_cast(std::uint32_t, aligned) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// bfloat16 to binary32, exact.
RONDE_ALWAYS_INLINE float BFloat16ToFloat(std::uint16_t value) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(value) << 16);
}

/// binary32 to bfloat16, round to nearest even; NaN stays NaN. Written without branches, and with
/// one shift at the end, so that loops over it vectorise in 32 bits; subnormals are kept, unlike in
/// the hardware's own conversion.
RONDE_ALWAYS_INLINE std::uint16_t FloatToBFloat16(float value) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const std::uint32_t quieted = bits | (is_nan ? 0x400000u : 0u);
  const std::uint32_t up = is_nan ? 0u : 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>((quieted + up) >> 16);
}

}  // namespace ronde
