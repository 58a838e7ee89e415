#pragma once

// The loops of the reduction, compiled once per instruction set: each reduce_<set>.cc includes this
// file and is built with its own flags. Everything here has internal linkage and calls no inline
// function of other headers except half.h's (always inlined): a function shared between
// translation units could otherwise be taken from the one that needs the newest CPU.

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <type_traits>

#include "collectives/kernels/half_registers.h"
#include "collectives/kernels/reduce_call.h"
#include "collectives/kernels/reduce_elements.h"
#include "collectives/reduce_kernels.h"

namespace ronde {
namespace {

// Elements that are expanded, combined and written at a time. A buffer per level of the tree holds
// them, so those of up to eight inputs fit into L1.
constexpr Index kBlock = 1024;
// Bytes of result that are kept in registers on their way from two or four inputs to all outputs.
constexpr Index kGroupBytes = 256;
constexpr Index kLineBytes = 64;
constexpr int kLevels = 10;
static_assert(1 << kLevels == kMaxReduceInputs);

// --- Loops. `out` may equal an operand, which the vectoriser must be told is no dependence.
// Inlined into the recursion below they lose up to a fifth of their speed.

template <typename Op, typename T>
[[gnu::noinline]] void Combine(const T* a, const T* b, T* out, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) out[i] = Op::template Apply<T>(a[i], b[i]);
}

template <typename Op, typename T>
[[gnu::noinline]] void CombineScaled(const T* a, T a_factor, const T* b, T b_factor, T out_factor,
                                     T* out, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) {
    out[i] = Op::template Apply<T>(a[i] * a_factor, b[i] * b_factor) * out_factor;
  }
}

// Elements that are combined at a time where loops are split: what lies between stays in registers
// or at least in the first level of cache.
template <typename T>
constexpr Index kGroupOf = 256 / static_cast<Index>(sizeof(T));

// Two levels of a tree at once, of kGroupOf elements. A loop for each combination: in one, the
// compiler cannot tell that min's and max's choices need no branches.
template <typename Op, typename T>
inline void CombineFourInGroup(const T* a, const T* b, const T* c, const T* d, T in_factor,
                               T out_factor, T* out, Index count) {
  alignas(64) T left[kGroupOf<T>];
  alignas(64) T right[kGroupOf<T>];
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) {
    left[i] = Op::template Apply<T>(a[i] * in_factor, b[i] * in_factor);
  }
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) {
    right[i] = Op::template Apply<T>(c[i] * in_factor, d[i] * in_factor);
  }
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) {
    out[i] = Op::template Apply<T>(left[i], right[i]) * out_factor;
  }
}

template <typename Op, typename T>
[[gnu::noinline]] void CombineFour(const T* a, const T* b, const T* c, const T* d, T in_factor,
                                   T out_factor, T* out, Index count) {
  Index i = 0;
  for (; i + kGroupOf<T> <= count; i += kGroupOf<T>) {
    CombineFourInGroup<Op, T>(a + i, b + i, c + i, d + i, in_factor, out_factor, out + i,
                              kGroupOf<T>);
  }
  CombineFourInGroup<Op, T>(a + i, b + i, c + i, d + i, in_factor, out_factor, out + i, count - i);
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

// The same block of all inputs.
template <typename T>
struct Block {
  const ReduceCall& call;
  Index begin;
  Index count;
  bool scaled;
  T prescale;
};

// How many of `inputs` >= 2 are left of the root: the tree is filled level by level, from the left.
int LeftInputs(int inputs) {
  int left = 1;
  while (2 * left < inputs) left *= 2;
  return left;
}

template <typename Element, typename Op>
void CombineSubtree(const Block<typename Element::Value>& block, int first, int inputs,
                    typename Element::Value postscale, typename Element::Value* buffers,
                    typename Element::Value* out);

// Where the values of inputs [first, first + inputs) are, combined: a single one where it lies,
// everything else in `buffers`.
template <typename Element, typename Op>
const typename Element::Value* Subtree(const Block<typename Element::Value>& block, int first,
                                       int inputs, typename Element::Value* buffers) {
  if (inputs == 1) {
    return Values<Element>(block.call.inputs[first], block.begin, block.count, buffers);
  }
  CombineSubtree<Element, Op>(block, first, inputs, 1, buffers, buffers);
  return buffers;
}

// Combines inputs [first, first + inputs), at least two, into `out`, which may be the first of
// `buffers` or one of the inputs: it is written last. `buffers` holds kBlock values for each
// level, and for two more of a type that must be expanded.
template <typename Element, typename Op>
void CombineSubtree(const Block<typename Element::Value>& block, int first, int inputs,
                    typename Element::Value postscale, typename Element::Value* buffers,
                    typename Element::Value* out) {
  using T = typename Element::Value;
  if (inputs == 4) {
    const T* in[4];
    for (int i = 0; i < 4; ++i) {
      in[i] = Subtree<Element, Op>(block, first + i, 1, buffers + i * kBlock);
    }
    CombineFour<Op, T>(in[0], in[1], in[2], in[3], block.prescale, postscale, out, block.count);
    return;
  }
  const int lefts = LeftInputs(inputs);
  const int rights = inputs - lefts;
  const T* left = Subtree<Element, Op>(block, first, lefts, buffers);
  const T* right = Subtree<Element, Op>(block, first + lefts, rights, buffers + kBlock);
  if (block.scaled) {
    CombineScaled<Op, T>(left, lefts == 1 ? block.prescale : T{1}, right,
                         rights == 1 ? block.prescale : T{1}, postscale, out, block.count);
  } else {
    Combine<Op, T>(left, right, out, block.count);
  }
}

template <typename T>
void Divide(T* values, Index count, Index divisor) {
  if (divisor == 1) return;
  for (Index i = 0; i < count; ++i) values[i] = static_cast<T>(values[i] / divisor);
}

template <typename Element, typename Op>
void ReduceBlock(const Block<typename Element::Value>& block, typename Element::Value* buffers,
                 typename Element::Value* out) {
  using T = typename Element::Value;
  const T postscale = static_cast<T>(block.call.postscale);
  if (block.call.input_count == 1) {
    const T* values = Subtree<Element, Op>(block, 0, 1, buffers);
    Multiply<T>(values, block.prescale, postscale, out, block.count);
  } else {
    CombineSubtree<Element, Op>(block, 0, block.call.input_count, postscale, buffers, out);
  }
}

// --- From one result to all outputs.

// `to` is at the begin of a line.
inline void StreamLine(char* to, const char* from) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__AVX2__)
  for (int i = 0; i < 2; ++i) {
    const __m256i part = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from) + i);
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to) + i, part);
  }
#elif defined(__SSE2__)
  for (int i = 0; i < 4; ++i) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i);
    _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i, part);
  }
#else
  __builtin_memcpy(to, from, kLineBytes);
#endif
}

// Whether results may go past the cache: each output then begins with a line.
bool Streams(const ReduceCall& call) {
  if (!call.streams) return false;
  bool streams = true;
  for (int k = 0; k < call.output_count; ++k) {
    streams &= reinterpret_cast<std::uintptr_t>(call.outputs[k]) % kLineBytes == 0;
  }
  return streams;
}

// The `count` results that begin at `begin`, from `values` to all outputs.
template <typename Storage>
void Spread(const ReduceCall& call, const Storage* values, Index begin, Index count, bool streams) {
  const Index size_bytes = count * static_cast<Index>(sizeof(Storage));
  const auto* const from = reinterpret_cast<const char*>(values);
  for (int k = 0; k < call.output_count; ++k) {
    auto* const to = reinterpret_cast<char*>(static_cast<Storage*>(call.outputs[k]) + begin);
    Index done = 0;
    for (; streams && done + kLineBytes <= size_bytes; done += kLineBytes) {
      StreamLine(to + done, from + done);
    }
    __builtin_memcpy(to + done, from + done, static_cast<std::size_t>(size_bytes - done));
  }
}

// Results [at, at + kGroup) of two or four inputs, combined as a tree.
template <typename Op, typename T, int kInputs>
inline void ReduceNativeGroup(const ReduceCall& call, Index at, T before, T after, T* out) {
  constexpr Index kGroup = kGroupBytes / static_cast<Index>(sizeof(T));
  const T* in[kInputs];
  for (int k = 0; k < kInputs; ++k) in[k] = static_cast<const T*>(call.inputs[k]) + at;
  alignas(64) T result[kGroup];
  if constexpr (kInputs == 4) {
    for (Index i = 0; i < kGroup; i += kGroupOf<T>) {
      CombineFourInGroup<Op, T>(in[0] + i, in[1] + i, in[2] + i, in[3] + i, before, after,
                                result + i, kGroupOf<T>);
    }
  } else {
#pragma GCC ivdep
    for (Index i = 0; i < kGroup; ++i) {
      result[i] = static_cast<T>(Op::template Apply<T>(static_cast<T>(in[0][i] * before),
                                                       static_cast<T>(in[1][i] * before)) *
                                 after);
    }
  }
  __builtin_memcpy(out, result, sizeof(result));
}

// The same for every element type; kAnyInputs for those that convert.
template <typename Element, typename Op, int kInputs, bool kScaled>
inline void ReduceGroup(const ReduceCall& call, Index at, typename Element::Storage* out) {
  using T = typename Element::Value;
  constexpr Index kGroup = kGroupBytes / static_cast<Index>(sizeof(typename Element::Storage));
  if constexpr (Element::kConverts) {
#pragma GCC unroll 4
    for (Index i = 0; i < kGroup; i += kHalvesPerRegister) {
      HalfLanes result;
      ReduceRegister<Element, Op, kInputs, kScaled>(call, at + i, result);
      __builtin_memcpy(out + i, &result, sizeof(result));
    }
  } else {
    const T before = kScaled ? static_cast<T>(call.prescale) : T{1};
    const T after = kScaled ? static_cast<T>(call.postscale) : T{1};
    ReduceNativeGroup<Op, T, kInputs>(call, at, before, after, out);
  }
}

// All whole groups of a call; returns how many elements these are.
template <typename Element, typename Op, int kInputs, bool kScaled, bool kStreams>
[[gnu::noinline]] Index ReduceGroups(const ReduceCall& call) {
  using Storage = typename Element::Storage;
  constexpr Index kGroup = kGroupBytes / static_cast<Index>(sizeof(Storage));
  void* const* const outputs = call.outputs;
  const int output_count = call.output_count;
  const Index count = call.count;
  Index at = 0;
  for (; at + kGroup <= count; at += kGroup) {
    alignas(64) Storage results[kGroup];
    ReduceGroup<Element, Op, kInputs, kScaled>(call, at, results);
    const auto* const from = reinterpret_cast<const char*>(results);
    for (int k = 0; k < output_count; ++k) {
      auto* const to = reinterpret_cast<char*>(static_cast<Storage*>(outputs[k]) + at);
      for (Index line = 0; line < kGroupBytes; line += kLineBytes) {
        if constexpr (kStreams) {
          StreamLine(to + line, from + line);
        } else {
          __builtin_memcpy(to + line, from + line, kLineBytes);
        }
      }
    }
  }
  return at;
}

template <typename Element, typename Op, int kInputs>
Index ReduceGroups(const ReduceCall& call, bool scaled, bool streams) {
  if (scaled) {
    return streams ? ReduceGroups<Element, Op, kInputs, true, true>(call)
                   : ReduceGroups<Element, Op, kInputs, true, false>(call);
  }
  return streams ? ReduceGroups<Element, Op, kInputs, false, true>(call)
                 : ReduceGroups<Element, Op, kInputs, false, false>(call);
}

template <typename Element, typename Op>
Index ReduceGroups(const ReduceCall& call, bool scaled, bool streams) {
  if (call.divisor != 1) return 0;
  if (call.input_count == 2) return ReduceGroups<Element, Op, 2>(call, scaled, streams);
  if (call.input_count == 4) return ReduceGroups<Element, Op, 4>(call, scaled, streams);
  if constexpr (Element::kConverts) {
    if (call.input_count > 1) return ReduceGroups<Element, Op, kAnyInputs>(call, scaled, streams);
    return streams ? ReduceGroups<Element, Op, 1, true, true>(call)
                   : ReduceGroups<Element, Op, 1, true, false>(call);
  }
  return 0;
}

template <typename Element, typename Op>
void Kernel(const ReduceCall& call) {
  using T = typename Element::Value;
  using Storage = typename Element::Storage;
  const bool scaled = std::is_floating_point_v<T> && (call.prescale != 1 || call.postscale != 1);
  const bool streams = Streams(call);
  const bool direct = call.output_count == 1 && !streams;
  // The most common case, where for a tiny message all else would take longer than the loop.
  if constexpr (!Element::kConverts) {
    if (direct && call.input_count == 2 && !scaled && call.divisor == 1) {
      Combine<Op, T>(static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1]),
                     static_cast<T*>(call.outputs[0]), call.count);
      return;
    }
  }
  // 16-bit types always gain from it, but half_registers.h takes no factor that is NaN.
  const bool has_nan_factor = call.prescale != call.prescale || call.postscale != call.postscale;
  const bool in_groups = Element::kConverts ? !has_nan_factor : !direct;
  const Index done = in_groups ? ReduceGroups<Element, Op>(call, scaled, streams) : 0;
  // Two more where inputs must be expanded: of the last two levels, four at once.
  alignas(64) T buffers[(kLevels + (Element::kConverts ? 2 : 0)) * kBlock];
  alignas(64) Storage results[kBlock];
  for (Index begin = done; begin < call.count; begin += kBlock) {
    const Index count = call.count - begin < kBlock ? call.count - begin : kBlock;
    const Block<T> block = {call, begin, count, scaled, static_cast<T>(call.prescale)};
    auto* const out = direct ? static_cast<Storage*>(call.outputs[0]) + begin : results;
    if constexpr (Element::kConverts) {
      ReduceBlock<Element, Op>(block, buffers, buffers);
      Element::Compress(buffers, out, count);
    } else {
      ReduceBlock<Element, Op>(block, buffers, out);
      if constexpr (std::is_integral_v<T>) Divide<T>(out, count, call.divisor);
    }
    if (!direct) Spread(call, results, begin, count, streams);
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
