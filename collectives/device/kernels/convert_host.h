#pragma once

#include <cstdint>

#include "collectives/half.h"

namespace ronde::kernels {

/// The conversions of 16-bit types on the host: collectives/half.h's own.
struct HostConvert {
  static float HalfToFloat(std::uint16_t value) { return ronde::HalfToFloat(value); }
  static std::uint16_t FloatToHalf(float value) { return ronde::FloatToHalf(value); }
  static float BFloat16ToFloat(std::uint16_t value) { return ronde::BFloat16ToFloat(value); }
  static std::uint16_t FloatToBFloat16(float value) { return ronde::FloatToBFloat16(value); }
};

}  // namespace ronde::kernels
