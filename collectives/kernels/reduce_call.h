#pragma once

#include <cstdint>

#include "collectives/kernels/adasum_call.h"
#include "collectives/kernels/wire_call.h"
#include "core/base/types.h"

namespace ronde {

/// The arguments of one reduction; see Reduce().
struct ReduceCall {
  const void* const* inputs;
  int input_count;
  void* const* outputs;
  int output_count;
  bool streams;  // results are written past the cache, where they fill whole lines
  std::int64_t count;
  double prescale;
  double postscale;
  std::int64_t divisor;
};

using ReduceKernel = void (*)(const ReduceCall&);

/// The kernels of one instruction set: [dtype][sum, min, max, product], and [dtype] of the
/// floating-point types; and those of the wire formats.
struct ReduceKernels {
  const char* instruction_set;
  ReduceKernel kernels[kDataTypeCount][4];
  AdasumKernels adasum[static_cast<int>(DataType::kFloat64) + 1] = {};
  WireKernels wire[kWireKernelCount] = {};
};

[[nodiscard]] const ReduceKernels& BaselineReduceKernels();
/// Only in builds for x86-64; to be called only where the CPU has the instructions.
[[nodiscard]] const ReduceKernels& Avx2ReduceKernels();
[[nodiscard]] const ReduceKernels& Avx512ReduceKernels();

/// The fastest that this CPU can run. Defined in dispatch_x86.cc or dispatch_baseline.cc.
[[nodiscard]] const ReduceKernels& BestReduceKernels();

}  // namespace ronde
