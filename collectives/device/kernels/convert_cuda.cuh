#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "core/device/space.h"

namespace ronde::kernels {

/// The conversions of 16-bit types by the device's own instructions, which take a cycle instead of
/// ten. They round as collectives/half.h does, subnormals included; NaNs, of which the instructions
/// make a fixed one, keep the bits that half.h gives them.
struct CudaConvert {
  RONDE_DEVICE_CODE static float HalfToFloat(std::uint16_t value) {
    return __half2float(__half(__half_raw{value}));
  }
  RONDE_DEVICE_CODE static std::uint16_t FloatToHalf(float value) {
    const std::uint16_t half = __half_raw(__float2half_rn(value)).x;
    const auto bits = __builtin_bit_cast(std::uint32_t, value);
    const std::uint32_t nan = ((bits >> 16) & 0x8000u) | 0x7e00u | ((bits >> 13) & 0x1ffu);
    return value != value ? static_cast<std::uint16_t>(nan) : half;
  }
  RONDE_DEVICE_CODE static float BFloat16ToFloat(std::uint16_t value) {
    return __builtin_bit_cast(float, static_cast<std::uint32_t>(value) << 16);
  }
  RONDE_DEVICE_CODE static std::uint16_t FloatToBFloat16(float value) {
    const std::uint16_t rounded = __nv_bfloat16_raw(__float2bfloat16_rn(value)).x;
    const std::uint32_t nan = (__builtin_bit_cast(std::uint32_t, value) >> 16) | 0x40u;
    return value != value ? static_cast<std::uint16_t>(nan) : rounded;
  }
};

}  // namespace ronde::kernels
