#pragma once

// The loops of Adasum, compiled once per instruction set, under the rules of reduce_loops.h.

#include "collectives/kernels/adasum_call.h"
#include "collectives/kernels/reduce_loops.h"

namespace ronde {
namespace {

// --- Eight partial sums, whatever the width of the registers.

using Doubles = double __attribute__((vector_size(kRegisterBytes)));
using Floats = float __attribute__((vector_size(kRegisterBytes / 2)));
constexpr Index kLanes = 8;
constexpr Index kPerRegister = kRegisterBytes / sizeof(double);
constexpr Index kRegisters = kLanes / kPerRegister;

template <typename T>
RONDE_ALWAYS_INLINE void LoadDoubles(const T* from, Doubles& values) {
  if constexpr (sizeof(T) == sizeof(double)) {
    __builtin_memcpy(&values, from, sizeof(values));
  } else {
    Floats narrow;
    __builtin_memcpy(&narrow, from, sizeof(narrow));
    values = __builtin_convertvector(narrow, Doubles);
  }
}

struct LaneSums {
  Doubles aa[kRegisters] = {};
  Doubles bb[kRegisters] = {};
  Doubles ab[kRegisters] = {};
};

template <typename T>
RONDE_ALWAYS_INLINE void AddLanes(const T* a, const T* b, LaneSums& sums) {
#pragma GCC unroll 4
  for (Index i = 0; i < kRegisters; ++i) {
    Doubles x;
    Doubles y;
    LoadDoubles(a + i * kPerRegister, x);
    LoadDoubles(b + i * kPerRegister, y);
    sums.aa[i] += x * x;
    sums.bb[i] += y * y;
    sums.ab[i] += x * y;
  }
}

template <typename T>
[[gnu::noinline]] void AddProducts(const T* a, const T* b, Index count, LaneSums* sums) {
  LaneSums local = *sums;
  Index i = 0;
  for (; i + kLanes <= count; i += kLanes) AddLanes(a + i, b + i, local);
  if (i < count) {
    T rest[2][kLanes] = {};  // zeros add nothing
    for (Index j = 0; i + j < count; ++j) {
      rest[0][j] = a[i + j];
      rest[1][j] = b[i + j];
    }
    AddLanes(rest[0], rest[1], local);
  }
  *sums = local;
}

double SumOfLanes(const Doubles* registers) {
  double lanes[kLanes];
  __builtin_memcpy(lanes, registers, sizeof(lanes));
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

template <typename T>
[[gnu::noinline]] void AddWeighted(const T* a, double a_factor, const T* b, double b_factor, T* out,
                                   Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) {
    out[i] =
        static_cast<T>(a_factor * static_cast<double>(a[i]) + b_factor * static_cast<double>(b[i]));
  }
}

// --- The kernels.

template <typename Element>
const typename Element::Value* OperandValues(const AdasumOperand& operand, Index begin, Index count,
                                             typename Element::Value* buffer) {
  if (operand.stored) return Values<Element>(operand.data, begin, count, buffer);
  return static_cast<const typename Element::Value*>(operand.data) + begin;
}

template <typename Element>
AdasumSums SumsKernel(const AdasumOperand& a, const AdasumOperand& b, Index begin, Index count) {
  static_assert(kBlock % kLanes == 0);
  alignas(64) typename Element::Value buffers[2][Element::kConverts ? kBlock : 1];
  LaneSums sums;
  for (Index done = 0; done < count; done += kBlock) {
    const Index size = count - done < kBlock ? count - done : kBlock;
    const auto* a_values = OperandValues<Element>(a, begin + done, size, buffers[0]);
    const auto* b_values = OperandValues<Element>(b, begin + done, size, buffers[1]);
    AddProducts(a_values, b_values, size, &sums);
  }
  return {SumOfLanes(sums.aa), SumOfLanes(sums.bb), SumOfLanes(sums.ab)};
}

template <typename Element>
void CombineKernel(const AdasumOperand& a, double a_factor, const AdasumOperand& b, double b_factor,
                   const AdasumResult& out, Index begin, Index count) {
  using T = typename Element::Value;
  alignas(64) T buffers[2][Element::kConverts ? kBlock : 1];
  for (Index done = 0; done < count; done += kBlock) {
    const Index size = count - done < kBlock ? count - done : kBlock;
    const T* a_values = OperandValues<Element>(a, begin + done, size, buffers[0]);
    const T* b_values = OperandValues<Element>(b, begin + done, size, buffers[1]);
    if constexpr (Element::kConverts) {
      if (out.stored) {
        AddWeighted(a_values, a_factor, b_values, b_factor, buffers[0], size);
        auto* stored = static_cast<typename Element::Storage*>(out.data) + begin + done;
        Element::Compress(buffers[0], stored, size);
        continue;
      }
    }
    T* values = static_cast<T*>(out.data) + begin + done;
    AddWeighted(a_values, a_factor, b_values, b_factor, values, size);
  }
}

template <typename Element>
constexpr void SetAdasum(ReduceKernels* table, DataType dtype) {
  table->adasum[static_cast<int>(dtype)] = {&SumsKernel<Element>, &CombineKernel<Element>};
}

constexpr ReduceKernels WithAdasum(ReduceKernels table) {
  SetAdasum<Half>(&table, DataType::kFloat16);
  SetAdasum<BFloat>(&table, DataType::kBFloat16);
  SetAdasum<Native<float>>(&table, DataType::kFloat32);
  SetAdasum<Native<double>>(&table, DataType::kFloat64);
  return table;
}

}  // namespace
}  // namespace ronde
