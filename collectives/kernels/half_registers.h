#pragma once

// 16-bit types in registers: two registers of float32 from one of theirs and back. reduce_loops.h
// includes it, whose rules hold here too.

#include "collectives/kernels/reduce_call.h"
#include "collectives/kernels/reduce_elements.h"
#include "collectives/reduce_kernels.h"

namespace ronde {
namespace {

#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif
using FloatLanes = float __attribute__((vector_size(kRegisterBytes)));
using WordLanes = std::uint32_t __attribute__((vector_size(kRegisterBytes)));
using HalfLanes = std::uint16_t __attribute__((vector_size(kRegisterBytes)));
constexpr Index kHalvesPerRegister = kRegisterBytes / sizeof(std::uint16_t);

// The values of one register of 16-bit elements. Which value lies where is the element type's
// choice: results go back the same way.
struct FloatPair {
  FloatLanes of[2];
};

// Load() expands one register of elements; Store() rounds to one, to nearest even. Without kOddNans
// every NaN is quiet and has zeros where the type has no bits, so that rounding leaves it alone:
// that saves a third of the instructions. NaNs that come from arithmetic on values of the type are
// such; those that min and max choose may signal.
template <typename Element>
struct InRegisters;

// Neighbours share a 32-bit word, and each is the upper half of its float32: nothing moves from
// lane to lane.
template <>
struct InRegisters<BFloat> {
  static constexpr std::uint32_t kLower = 0x0000ffffu;
  static constexpr std::uint32_t kUpper = 0xffff0000u;
  static constexpr std::uint32_t kQuietBit = 0x00400000u;

  RONDE_ALWAYS_INLINE static void Load(const std::uint16_t* from, FloatPair& values) {
    WordLanes words;
    __builtin_memcpy(&words, from, sizeof(words));
    values.of[0] = reinterpret_cast<FloatLanes>(words << 16);
    values.of[1] = reinterpret_cast<FloatLanes>(words & kUpper);
  }
  // The bits of FloatToBFloat16. Both registers are rounded at once, in lanes of 16 bits: the upper
  // half goes up where the lower one is above the middle, or in the middle and the upper one odd.
  template <bool kOddNans>
  RONDE_ALWAYS_INLINE static void Store(const FloatPair& values, HalfLanes& out) {
    WordLanes bits[2];
    for (int i = 0; i < 2; ++i) {
      bits[i] = reinterpret_cast<WordLanes>(values.of[i]);
      if (kOddNans) {
        bits[i] = values.of[i] != values.of[i] ? (bits[i] | kQuietBit) & kUpper : bits[i];
      }
    }
    const auto upper = reinterpret_cast<HalfLanes>((bits[0] >> 16) | (bits[1] & kUpper));
    const auto lower = reinterpret_cast<HalfLanes>((bits[0] & kLower) | (bits[1] << 16));
    const HalfLanes least_up = (~upper & 1) | 0x8000;
    out = lower >= least_up ? upper + 1 : upper;
  }
};

// The lower half of the register, then the upper one. Masks of ones, as GCC 12 warns that the plain
// intrinsics read a register that nobody has set.
template <>
struct InRegisters<Half> {
  static constexpr Index kHalf = kHalvesPerRegister / 2;

  RONDE_ALWAYS_INLINE static void Load(const std::uint16_t* from, FloatPair& values) {
    for (int i = 0; i < 2; ++i, from += kHalf) {
#if defined(__AVX512F__)
      const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      values.of[i] = _mm512_maskz_cvtph_ps(0xffff, half);
#elif defined(__F16C__)
      values.of[i] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else
      float floats[kHalf];
      for (Index k = 0; k < kHalf; ++k) floats[k] = HalfToFloat(from[k]);
      __builtin_memcpy(&values.of[i], floats, sizeof(floats));
#endif
    }
  }
  template <bool kOddNans>
  RONDE_ALWAYS_INLINE static void Store(const FloatPair& values, HalfLanes& out) {
#if defined(__AVX512F__)
    const __m256i low = _mm512_maskz_cvtps_ph(0xffff, values.of[0], _MM_FROUND_TO_NEAREST_INT);
    const __m256i high = _mm512_maskz_cvtps_ph(0xffff, values.of[1], _MM_FROUND_TO_NEAREST_INT);
    out = reinterpret_cast<HalfLanes>(
        _mm512_maskz_inserti64x4(0xff, _mm512_castsi256_si512(low), high, 1));
#elif defined(__F16C__)
    const __m128i low = _mm256_cvtps_ph(values.of[0], _MM_FROUND_TO_NEAREST_INT);
    const __m128i high = _mm256_cvtps_ph(values.of[1], _MM_FROUND_TO_NEAREST_INT);
    out = reinterpret_cast<HalfLanes>(_mm256_set_m128i(high, low));
#else
    float floats[kHalvesPerRegister];
    std::uint16_t halves[kHalvesPerRegister];
    __builtin_memcpy(floats, values.of, sizeof(floats));
    for (Index k = 0; k < kHalvesPerRegister; ++k) halves[k] = FloatToHalf(floats[k]);
    __builtin_memcpy(&out, halves, sizeof(halves));
#endif
  }
};

template <typename Op>
RONDE_ALWAYS_INLINE void CombinePairs(const FloatPair& a, const FloatPair& b, FloatPair& out) {
  for (int i = 0; i < 2; ++i) out.of[i] = Op::template Apply<FloatLanes>(a.of[i], b.of[i]);
}

// One register of each of up to four inputs, from element `at` on, combined as a tree.
template <typename Element, typename Op, int kInputs, bool kScaled>
RONDE_ALWAYS_INLINE void CombineFew(const void* const* inputs, Index at, float before,
                                    FloatPair& out) {
  FloatPair values[kInputs];
#pragma GCC unroll 4
  for (int k = 0; k < kInputs; ++k) {
    InRegisters<Element>::Load(static_cast<const std::uint16_t*>(inputs[k]) + at, values[k]);
    for (int i = 0; kScaled && i < 2; ++i) values[k].of[i] *= before;
  }
#pragma GCC unroll 2
  for (int step = 1; step < kInputs; step *= 2) {
#pragma GCC unroll 2
    for (int k = 0; k + step < kInputs; k += 2 * step) {
      CombinePairs<Op>(values[k], values[k + step], values[k]);
    }
  }
  out = values[0];
}

// The same of any number of inputs, a subtree of four at a time. Whole subtrees are the bits of a
// counter: an equal neighbour takes up the next one, and at the end the smaller one is the right.
template <typename Element, typename Op, bool kScaled>
RONDE_ALWAYS_INLINE void CombineMany(const void* const* inputs, int input_count, Index at,
                                     float before, FloatPair& out) {
  constexpr int kFourLevels = 9;
  static_assert(4 << (kFourLevels - 1) == kMaxReduceInputs);
  FloatPair subtrees[kFourLevels];
  const int fours = input_count / 4;
  for (int k = 0; k < fours; ++k, inputs += 4) {
    CombineFew<Element, Op, 4, kScaled>(inputs, at, before, out);
    int level = 0;
    for (; ((k >> level) & 1) != 0; ++level) CombinePairs<Op>(subtrees[level], out, out);
    subtrees[level] = out;
  }
  const int rest = input_count % 4;
  if (rest == 1) CombineFew<Element, Op, 1, kScaled>(inputs, at, before, out);
  if (rest == 2) CombineFew<Element, Op, 2, kScaled>(inputs, at, before, out);
  if (rest == 3) CombineFew<Element, Op, 3, kScaled>(inputs, at, before, out);
  bool has_right = rest != 0;
  for (int level = 0; fours >> level != 0; ++level) {
    if (((fours >> level) & 1) == 0) continue;
    if (has_right) CombinePairs<Op>(subtrees[level], out, out);
    if (!has_right) out = subtrees[level];
    has_right = true;
  }
}

// kHalvesPerRegister results, from element `at` on, of kInputs inputs, or of any number where it is
// kAnyInputs. No factor is NaN, and one input alone counts as scaled: it, too, goes through
// arithmetic.
constexpr int kAnyInputs = 0;
template <typename Element, typename Op, int kInputs, bool kScaled>
RONDE_ALWAYS_INLINE void ReduceRegister(const ReduceCall& call, Index at, HalfLanes& out) {
  const auto before = static_cast<float>(call.prescale);
  FloatPair values;
  if constexpr (kInputs == kAnyInputs) {
    CombineMany<Element, Op, kScaled>(call.inputs, call.input_count, at, before, values);
  } else {
    CombineFew<Element, Op, kInputs, kScaled>(call.inputs, at, before, values);
  }
  for (int i = 0; kScaled && i < 2; ++i) values.of[i] *= static_cast<float>(call.postscale);
  constexpr bool kChooses = std::is_same_v<Op, Min> || std::is_same_v<Op, Max>;
  InRegisters<Element>::template Store<kChooses>(values, out);
}

}  // namespace
}  // namespace ronde
