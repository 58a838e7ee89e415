#include "collectives/half.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace ronde {
namespace {

// The nearest binary16 by search, ties to even: slow and obvious.
double NearestHalf(double value) {
  const double size = std::abs(value);
  if (size >= 65520) return std::copysign(std::numeric_limits<double>::infinity(), value);
  const int exponent = size < 0x1p-14 ? -14 : std::ilogb(size);
  const double unit = std::ldexp(1.0, exponent - 10);
  return std::copysign(std::nearbyint(size / unit) * unit, value);
}

TEST(Half, RoundTripsEveryFiniteValue) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = HalfToFloat(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(value))));
    } else {
      ASSERT_EQ(FloatToHalf(value), half);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(i * 0x9e3779b97f4a7c15 >> 32);
    const auto value = __builtin_bit_cast(float, bits);
    if (std::isnan(value)) continue;
    ASSERT_EQ(HalfToFloat(FloatToHalf(value)), static_cast<float>(NearestHalf(value))) << value;
  }
  EXPECT_EQ(FloatToHalf(65519.0F), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0F), 0x7c00);
  EXPECT_EQ(FloatToHalf(1.0F + 0x1p-11F), 0x3c00);  // a tie
  EXPECT_EQ(FloatToHalf(1.0F + 3 * 0x1p-11F), 0x3c02);
  EXPECT_EQ(FloatToHalf(0x1p-25F), 0);  // a tie with zero
}

TEST(BFloat16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(FloatToBFloat16(1.0F), 0x3f80);
  EXPECT_EQ(FloatToBFloat16(1.0F + 0x1p-8F), 0x3f80);      // a tie
  EXPECT_EQ(FloatToBFloat16(1.0F + 3 * 0x1p-8F), 0x3f82);  // a tie
  EXPECT_EQ(FloatToBFloat16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(BFloat16ToFloat(FloatToBFloat16(0x1p-130F)), 0x1p-130F);  // subnormal
  const auto nan = __builtin_bit_cast(float, 0x7f800001u);
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(FloatToBFloat16(nan))));
}

}  // namespace
}  // namespace ronde
