#pragma once

// What reduce_loops.h reduces: element types and operators. The same rules hold as there: internal
// linkage, and no inline function of other headers except half.h's.

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <type_traits>

#include "collectives/half.h"

namespace ronde {
namespace {

using Index = std::int64_t;

// --- Element types: Storage in memory, Value in arithmetic.

template <typename T>
struct Native {
  using Storage = T;
  using Value = T;
  static constexpr bool kConverts = false;
};

struct Half {
  using Storage = std::uint16_t;
  using Value = float;
  static constexpr bool kConverts = true;
  static void Expand(const Storage* in, Value* out, Index count) {
    Index i = 0;
#if defined(__AVX512F__)
    for (; i < count / 16 * 16; i += 16) {
      const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
      _mm512_storeu_ps(out + i, _mm512_cvtph_ps(half));
    }
#endif
#if defined(__F16C__)
    for (; i < count / 8 * 8; i += 8) {
      const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
      _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
    }
#endif
    for (; i < count; ++i) out[i] = HalfToFloat(in[i]);
  }
  static void Compress(const Value* in, Storage* out, Index count) {
    Index i = 0;
#if defined(__AVX512F__)
    for (; i < count / 16 * 16; i += 16) {
      const __m256i half = _mm512_cvtps_ph(_mm512_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), half);
    }
#endif
#if defined(__F16C__)
    for (; i < count / 8 * 8; i += 8) {
      const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), half);
    }
#endif
    for (; i < count; ++i) out[i] = FloatToHalf(in[i]);
  }
};

struct BFloat {
  using Storage = std::uint16_t;
  using Value = float;
  static constexpr bool kConverts = true;
  static void Expand(const Storage* in, Value* out, Index count) {
    for (Index i = 0; i < count; ++i) out[i] = BFloat16ToFloat(in[i]);
  }
  static void Compress(const Value* in, Storage* out, Index count) {
    for (Index i = 0; i < count; ++i) out[i] = FloatToBFloat16(in[i]);
  }
};

// --- Operators. Integers go through unsigned types: they wrap, which signed ones may not.

template <typename T, bool = std::is_integral_v<T>>
struct Wrapping {
  using Type = std::make_unsigned_t<T>;
};
template <typename T>
struct Wrapping<T, false> {
  using Type = T;
};

struct Sum {
  template <typename T>
  static T Apply(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
  }
};
struct Product {
  template <typename T>
  static T Apply(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
  }
};
// `b != b` lets a NaN of either operand win.
struct Min {
  template <typename T>
  static T Apply(T a, T b) {
    return (b < a) | (b != b) ? b : a;
  }
};
struct Max {
  template <typename T>
  static T Apply(T a, T b) {
    return (a < b) | (b != b) ? b : a;
  }
};

}  // namespace
}  // namespace ronde
