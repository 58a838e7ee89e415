#pragma once

// The loops of the reduction, compiled once per instruction set: each reduce_<set>.cc includes this
// file and is built with its own flags. Everything here has internal linkage and calls no inline
// function of other headers except half.h's (always inlined): a function shared between
// translation units could otherwise be taken from the one that needs the newest CPU.

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include <type_traits>

#include "collectives/half.h"
#include "collectives/kernels/reduce_call.h"

namespace ronde {
namespace {

using Index = std::int64_t;

// Elements that are expanded, combined and written at a time: two buffers of floats in L1.
constexpr Index kBlock = 2048;

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
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
      const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
      _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
    }
#endif
    for (; i < count; ++i) out[i] = HalfToFloat(in[i]);
  }
  static void Compress(const Value* in, Storage* out, Index count) {
    Index i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
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

// --- Loops. `out` may equal `a` or `b`, which the vectoriser must be told is no dependence.

template <typename Op, typename T>
void Combine(const T* a, const T* b, T* out, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) out[i] = Op::template Apply<T>(a[i], b[i]);
}

template <typename Op, typename T>
void CombineScaled(const T* a, T a_factor, const T* b, T b_factor, T out_factor, T* out,
                   Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) {
    out[i] = Op::template Apply<T>(a[i] * a_factor, b[i] * b_factor) * out_factor;
  }
}

template <typename T>
void Multiply(const T* in, T before, T after, T* out, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) out[i] = in[i] * before * after;
}

// The block [begin, begin + count) of one input, as values; `buffer` is used if it must be
// expanded.
template <typename Element>
const typename Element::Value* Values(const void* input, Index begin, Index count,
                                      typename Element::Value* buffer) {
  const auto* in = static_cast<const typename Element::Storage*>(input) + begin;
  if constexpr (Element::kConverts) {
    Element::Expand(in, buffer, count);
    return buffer;
  } else {
    return in;
  }
}

// Reduces the inputs of one block, from left to right, and leaves the scaled result in `out`.
// `acc` and `buffer` hold kBlock values each; `out` may be `acc`.
template <typename Element, typename Op>
void ReduceBlock(const ReduceCall& call, Index begin, Index count, bool scaled,
                 typename Element::Value* acc, typename Element::Value* buffer,
                 typename Element::Value* out) {
  using T = typename Element::Value;
  const T prescale = static_cast<T>(call.prescale);
  const T postscale = static_cast<T>(call.postscale);
  const T* left = Values<Element>(call.inputs[0], begin, count, acc);
  if (call.input_count == 1) {
    Multiply<T>(left, prescale, postscale, out, count);
    return;
  }
  for (int input = 1; input < call.input_count; ++input) {
    const T* right = Values<Element>(call.inputs[input], begin, count, buffer);
    const bool last = input + 1 == call.input_count;
    T* target = last ? out : acc;
    if (scaled) {
      CombineScaled<Op, T>(left, input == 1 ? prescale : T{1}, right, prescale,
                           last ? postscale : T{1}, target, count);
    } else {
      Combine<Op, T>(left, right, target, count);
    }
    left = acc;
  }
}

template <typename T>
void Divide(T* values, Index count, Index divisor) {
  if (divisor == 1) return;
  for (Index i = 0; i < count; ++i) values[i] = static_cast<T>(values[i] / divisor);
}

template <typename Element, typename Op>
void Kernel(const ReduceCall& call) {
  using T = typename Element::Value;
  alignas(64) T acc[kBlock];
  alignas(64) T buffer[Element::kConverts ? kBlock : 1];
  const bool scaled = std::is_floating_point_v<T> && (call.prescale != 1 || call.postscale != 1);
  for (Index begin = 0; begin < call.count; begin += kBlock) {
    const Index count = call.count - begin < kBlock ? call.count - begin : kBlock;
    auto* out = static_cast<typename Element::Storage*>(call.output) + begin;
    if constexpr (Element::kConverts) {
      ReduceBlock<Element, Op>(call, begin, count, scaled, acc, buffer, acc);
      Element::Compress(acc, out, count);
    } else {
      ReduceBlock<Element, Op>(call, begin, count, scaled, acc, buffer, out);
      if constexpr (std::is_integral_v<T>) Divide<T>(out, count, call.divisor);
    }
  }
}

template <typename Element>
constexpr void SetKernels(ReduceKernels* table, DataType dtype) {
  ReduceKernel* row = table->kernels[static_cast<int>(dtype)];
  row[0] = &Kernel<Element, Sum>;
  row[1] = &Kernel<Element, Min>;
  row[2] = &Kernel<Element, Max>;
  row[3] = &Kernel<Element, Product>;
}

constexpr ReduceKernels MakeKernels(const char* instruction_set) {
  ReduceKernels table = {instruction_set, {}};
  SetKernels<Half>(&table, DataType::kFloat16);
  SetKernels<BFloat>(&table, DataType::kBFloat16);
  SetKernels<Native<float>>(&table, DataType::kFloat32);
  SetKernels<Native<double>>(&table, DataType::kFloat64);
  SetKernels<Native<std::int32_t>>(&table, DataType::kInt32);
  SetKernels<Native<std::int64_t>>(&table, DataType::kInt64);
  SetKernels<Native<std::uint8_t>>(&table, DataType::kUInt8);
  return table;
}

}  // namespace
}  // namespace ronde
