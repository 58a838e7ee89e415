#include "collectives/wire/wire_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/half.h"
#include "collectives/kernels/reduce_call.h"

namespace ronde {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr WireFormat kFormats[] = {WireFormat::kSame, WireFormat::kFloat16, WireFormat::kBfloat16,
                                   WireFormat::kInt8};
constexpr std::size_t kCounts[] = {0, 1, 7, 255, 256, 257, 511, 1000, 5003};

// Values over many orders of magnitude.
std::vector<float> Values(std::size_t count, unsigned seed = 1, int least_exponent = -20,
                          int largest_exponent = 4) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> mantissa(-1, 1);
  std::uniform_int_distribution<int> exponent(least_exponent, largest_exponent);
  std::vector<float> values(count);
  for (float& value : values) value = std::ldexp(mantissa(random), exponent(random));
  return values;
}

std::vector<std::byte> Encoded(WireFormat format, const std::vector<float>& values) {
  std::vector<std::byte> bytes(WireBytes(format, static_cast<std::int64_t>(values.size())) + 16,
                               std::byte{0xa5});
  Encode(format, values, bytes.data());
  for (std::size_t i = bytes.size() - 16; i < bytes.size(); ++i) {
    EXPECT_EQ(bytes[i], std::byte{0xa5}) << "written behind the end, " << Name(format);
  }
  bytes.resize(bytes.size() - 16);
  return bytes;
}

std::vector<float> RoundTrip(WireFormat format, const std::vector<float>& values) {
  const std::vector<std::byte> bytes = Encoded(format, values);
  std::vector<float> decoded(values.size());
  Decode(format, bytes.data(), decoded);
  return decoded;
}

float LargestOf(const std::vector<float>& values, std::size_t begin, std::size_t end) {
  float largest = 0;
  for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest;
}

void ExpectInt8Bound(const std::vector<float>& values) {
  const std::vector<float> decoded = RoundTrip(WireFormat::kInt8, values);
  constexpr auto kBlock = static_cast<std::size_t>(kInt8BlockElements);
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t end = std::min(values.size(), begin + kBlock);
    const double largest = LargestOf(values, begin, end);
    const double bound = largest < 0x1p-100 ? largest : largest / 254 * (1 + 0x1p-14);
    for (std::size_t i = begin; i < end; ++i) {
      const double error = std::abs(static_cast<double>(values[i]) - decoded[i]);
      ASSERT_LE(error, bound) << values[i] << " became " << decoded[i] << " at " << i;
    }
  }
}

TEST(WireFormat, NamesAreThoseOfTheSetting) {
  for (const WireFormat format : kFormats) {
    EXPECT_EQ(ParseWireFormat(Name(format)).value(), format);
    Config config;
    ASSERT_TRUE(config.Set(Setting::kWireCompression, Name(format), SettingOrigin::kProgram).ok());
    EXPECT_EQ(WireFormatOf(config), format);
  }
  EXPECT_EQ(WireFormatOf(Config()), WireFormat::kSame);
  EXPECT_THAT(ParseWireFormat("int4").status().message(), testing::HasSubstr("int8"));
}

TEST(WireFormat, ConcernsSumsAndAveragesOfFloat32Only) {
  constexpr WireFormat kInt8 = WireFormat::kInt8;
  EXPECT_EQ(WireFormatFor(kInt8, DataType::kFloat32, ReduceOp::kSum), kInt8);
  EXPECT_EQ(WireFormatFor(kInt8, DataType::kFloat32, ReduceOp::kAverage), kInt8);
  EXPECT_EQ(WireFormatFor(kInt8, DataType::kFloat32, ReduceOp::kMax), WireFormat::kSame);
  EXPECT_EQ(WireFormatFor(kInt8, DataType::kFloat64, ReduceOp::kSum), WireFormat::kSame);
  EXPECT_EQ(WireFormatFor(kInt8, DataType::kFloat16, ReduceOp::kSum), WireFormat::kSame);
}

TEST(WireCodec, SameIsTheSame) {
  for (const std::size_t count : kCounts) {
    const std::vector<float> values = Values(count);
    EXPECT_EQ(RoundTrip(WireFormat::kSame, values), values);
    EXPECT_EQ(WireBytes(WireFormat::kSame, static_cast<std::int64_t>(count)), 4 * count);
  }
}

TEST(WireCodec, SixteenBitFormatsRoundAsTheTypesDo) {
  for (const std::size_t count : kCounts) {
    std::vector<float> values = Values(count, 2, -40, 17);
    if (count > 6) values[5] = 65520;  // binary16 ends below
    if (count > 6) values[6] = kLargest;
    const std::vector<float> half = RoundTrip(WireFormat::kFloat16, values);
    const std::vector<float> bfloat = RoundTrip(WireFormat::kBfloat16, values);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(half[i], HalfToFloat(FloatToHalf(values[i]))) << values[i];
      ASSERT_EQ(bfloat[i], BFloat16ToFloat(FloatToBFloat16(values[i]))) << values[i];
    }
    if (count <= 6) continue;
    EXPECT_EQ(half[5], kInfinity);
    EXPECT_EQ(bfloat[6], kInfinity);
  }
}

TEST(WireCodec, Int8StaysWithinItsBound) {
  for (const std::size_t count : kCounts) {
    ExpectInt8Bound(Values(count));
    ExpectInt8Bound(Values(count, 3, -2, 0));
    ExpectInt8Bound(Values(count, 4, -99, -90));   // near the least scale
    ExpectInt8Bound(Values(count, 5, -140, -20));  // subnormals among others
    std::vector<float> huge = Values(count, 6, 100, 127);
    if (count > 0) huge[count / 2] = -kLargest;
    ExpectInt8Bound(huge);
  }
}

TEST(WireCodec, Int8KeepsALargestValueToRounding) {
  const std::vector<float> decoded = RoundTrip(WireFormat::kInt8, {3.7f, -1, kLargest / 4, 0});
  EXPECT_FLOAT_EQ(decoded[2], kLargest / 4);
  EXPECT_EQ(decoded[3], 0);
  EXPECT_TRUE(std::isfinite(RoundTrip(WireFormat::kInt8, {kLargest})[0]));
}

TEST(WireCodec, Int8MakesZerosOfZerosAndOfWhatIsNegligible) {
  EXPECT_THAT(RoundTrip(WireFormat::kInt8, std::vector<float>(300, 0)), testing::Each(0.0f));
  EXPECT_THAT(RoundTrip(WireFormat::kInt8, {0x1.fp-101f, 1e-40f, -1e-44f}), testing::Each(0.0f));
  EXPECT_THAT(RoundTrip(WireFormat::kInt8, {0x1p-100f, 0}),
              testing::ElementsAre(testing::FloatEq(0x1p-100f), 0.0f));
}

TEST(WireCodec, WhatIsNotFiniteNeverBecomesANumber) {
  for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) {
    for (const std::size_t place : {std::size_t{0}, std::size_t{300}, std::size_t{599}}) {
      std::vector<float> values = Values(600, 7, -3, 0);
      values[place] = bad;
      for (const WireFormat format : kFormats) {
        const std::vector<float> decoded = RoundTrip(format, values);
        EXPECT_FALSE(std::isfinite(decoded[place])) << Name(format);
        for (std::size_t i = 0; i < values.size(); ++i) {
          const bool block_is_lost =
              format == WireFormat::kInt8 && i / kInt8BlockElements == place / kInt8BlockElements;
          if (i == place) continue;
          EXPECT_EQ(std::isnan(decoded[i]), block_is_lost) << Name(format) << i;
        }
        EXPECT_TRUE(decoded[place] == bad || std::isnan(bad) || format == WireFormat::kInt8);
      }
    }
  }
}

TEST(WireCodec, AddsWhatItDecodes) {
  for (const WireFormat format : kFormats) {
    for (const std::size_t count : kCounts) {
      const std::vector<float> values = Values(count);
      const std::vector<float> decoded = RoundTrip(format, values);
      const std::vector<std::byte> bytes = Encoded(format, values);
      const std::vector<float> before = Values(count, 8);
      std::vector<float> sum = before;
      DecodeAdd(format, bytes.data(), sum);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(sum[i], before[i] + decoded[i]);
    }
  }
}

TEST(WireCodec, AnOwnerKeepsWhatItSends) {
  for (const WireFormat format : kFormats) {
    for (const std::size_t count : kCounts) {
      const std::vector<float> values = Values(count);
      std::vector<float> kept = values;
      std::vector<std::byte> bytes(WireBytes(format, static_cast<std::int64_t>(count)));
      EncodeAndRound(format, kept, bytes.data());
      EXPECT_EQ(bytes, Encoded(format, values));
      EXPECT_EQ(kept, RoundTrip(format, values));
    }
  }
}

TEST(WireCodec, SegmentsOfWholeBlocksGiveTheSameBytes) {
  const std::vector<float> values = Values(1000);
  for (const WireFormat format : kFormats) {
    std::vector<std::byte> joined = Encoded(format, {values.begin(), values.begin() + 512});
    const std::vector<std::byte> rest = Encoded(format, {values.begin() + 512, values.end()});
    joined.insert(joined.end(), rest.begin(), rest.end());
    EXPECT_EQ(joined, Encoded(format, values));
  }
}

#if defined(__x86_64__)
std::vector<const ReduceKernels*> KernelsOfThisCpu() {
  std::vector<const ReduceKernels*> sets = {&BaselineReduceKernels()};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c")) {
    sets.push_back(&Avx2ReduceKernels());
  }
  if (std::string(BestReduceKernels().instruction_set) == "avx512") {
    sets.push_back(&Avx512ReduceKernels());
  }
  return sets;
}

TEST(WireCodec, GivesTheSameBitsWithEveryInstructionSet) {
  std::vector<float> values = Values(5003, 9, -140, 20);
  values[600] = std::nanf("");
  values[1200] = -kInfinity;
  const auto count = static_cast<std::int64_t>(values.size());
  for (const WireFormat format : kFormats) {
    if (format == WireFormat::kSame) continue;
    const std::vector<std::byte> bytes = Encoded(format, values);
    const std::vector<float> decoded = RoundTrip(format, values);
    for (const ReduceKernels* set : KernelsOfThisCpu()) {
      const WireKernels& wire = set->wire[static_cast<int>(format) - 1];
      std::vector<std::byte> own(bytes.size());
      wire.encode(values.data(), count, own.data());
      EXPECT_EQ(own, bytes) << set->instruction_set << " " << Name(format);
      std::vector<float> out(values.size());
      wire.decode(bytes.data(), count, out.data());
      EXPECT_EQ(std::memcmp(out.data(), decoded.data(), 4 * out.size()), 0)
          << set->instruction_set << " " << Name(format);
    }
  }
}
#endif

}  // namespace
}  // namespace ronde
