#pragma once

// The loops of the wire formats, compiled once per instruction set, under the rules of
// reduce_loops.h.

#include "collectives/kernels/reduce_loops.h"

namespace ronde {
namespace {

// --- 16 bits: what reductions do anyway.

template <typename Element>
void EncodeHalves(const float* in, Index count, std::byte* out) {
  Element::Compress(in, reinterpret_cast<typename Element::Storage*>(out), count);
}

template <typename Element>
void DecodeHalves(const std::byte* in, Index count, float* out) {
  Element::Expand(reinterpret_cast<const typename Element::Storage*>(in), out, count);
}

template <typename Element>
void DecodeAddHalves(const std::byte* in, Index count, float* inout) {
  const auto* const stored = reinterpret_cast<const typename Element::Storage*>(in);
  alignas(64) float values[kBlock];
  for (Index begin = 0; begin < count; begin += kBlock) {
    const Index size = count - begin < kBlock ? count - begin : kBlock;
    Element::Expand(stored + begin, values, size);
    Combine<Sum, float>(inout + begin, values, inout + begin, size);
  }
}

// --- int8: a float32 scale, then a byte a value.

constexpr Index kWireBlock = 256;
constexpr std::uint32_t kInfinityBits = 0x7f800000u;
constexpr std::uint32_t kQuietNanBits = 0x7fc00000u;
// Below it the factor that takes the largest value to 127 would leave the range of floats.
constexpr float kLeastMagnitude = 0x1p-100f;
// 127 times it is still finite, which 127 times the quotient need not be for the largest floats.
constexpr float kLargestScale = 0x1.020406p+121f;
static_assert(127.0f * kLargestScale <= 0x1.fffffep+127f);
// Adding it rounds to an integer, to nearest even, which then lies in the lowest bits.
constexpr float kRounder = 0x1.8p+23f;

// Of |in|, as bits: integers order magnitudes, and NaN above infinity.
inline std::uint32_t LargestMagnitude(const float* in, Index count) {
  std::int32_t largest = 0;
  for (Index i = 0; i < count; ++i) {
    const std::int32_t bits = __builtin_bit_cast(std::int32_t, in[i]) & 0x7fffffff;
    largest = largest < bits ? bits : largest;
  }
  return static_cast<std::uint32_t>(largest);
}

inline void Quantise(const float* in, float factor, Index count, std::int8_t* out) {
  for (Index i = 0; i < count; ++i) {
    const std::int32_t rounded = __builtin_bit_cast(std::int32_t, in[i] * factor + kRounder);
    out[i] = static_cast<std::int8_t>(rounded);
  }
}

inline void EncodeBlock(const float* in, Index count, std::byte* out) {
  const std::uint32_t largest_bits = LargestMagnitude(in, count);
  const float largest = __builtin_bit_cast(float, largest_bits);
  auto* const values = reinterpret_cast<std::int8_t*>(out + sizeof(float));
  float scale = 0;
  if (largest_bits >= kInfinityBits) {
    scale = __builtin_bit_cast(float, kQuietNanBits);
    __builtin_memset(values, 0, static_cast<std::size_t>(count));
  } else if (largest < kLeastMagnitude) {
    __builtin_memset(values, 0, static_cast<std::size_t>(count));
  } else {
    scale = largest / 127.0f;
    scale = scale < kLargestScale ? scale : kLargestScale;
    Quantise(in, 127.0f / largest, count, values);
  }
  __builtin_memcpy(out, &scale, sizeof(scale));
}

// Whole blocks with a count that the compiler knows, then what is left.
template <typename Visit>
inline void ForEachBlock(Index count, const Visit& visit) {
  Index begin = 0;
  Index at = 0;
  for (; begin + kWireBlock <= count; begin += kWireBlock) {
    visit(begin, kWireBlock, at);
    at += kWireBlock + static_cast<Index>(sizeof(float));
  }
  if (begin < count) visit(begin, count - begin, at);
}

void EncodeInt8(const float* in, Index count, std::byte* out) {
  ForEachBlock(
      count, [=](Index begin, Index size, Index at)
                 __attribute__((always_inline)) { EncodeBlock(in + begin, size, out + at); });
}

template <bool kAdds>
inline void DecodeBlock(const std::byte* in, Index count, float* out) {
  float scale;
  __builtin_memcpy(&scale, in, sizeof(scale));
  const auto* const values = reinterpret_cast<const std::int8_t*>(in + sizeof(float));
  for (Index i = 0; i < count; ++i) {
    const float value = static_cast<float>(values[i]) * scale;
    out[i] = kAdds ? out[i] + value : value;
  }
}

template <bool kAdds>
void DecodeInt8(const std::byte* in, Index count, float* out) {
  ForEachBlock(
      count, [=](Index begin, Index size, Index at) __attribute__((always_inline)) {
        DecodeBlock<kAdds>(in + at, size, out + begin);
      });
}

constexpr ReduceKernels WithWire(ReduceKernels table) {
  table.wire[0] = {&EncodeHalves<Half>, &DecodeHalves<Half>, &DecodeAddHalves<Half>};
  table.wire[1] = {&EncodeHalves<BFloat>, &DecodeHalves<BFloat>, &DecodeAddHalves<BFloat>};
  table.wire[2] = {&EncodeInt8, &DecodeInt8<false>, &DecodeInt8<true>};
  return table;
}

}  // namespace
}  // namespace ronde
