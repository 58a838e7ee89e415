#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/types.h"

namespace ronde {

/// What is applied to every input and to the result of a reduction.
struct Scaling {
  double prescale = 1;
  double postscale = 1;      ///< for floating-point types an average is folded in here
  std::int64_t divisor = 1;  ///< integers only: the result is divided, truncating toward zero
};

/// The one place that says what an average is, so that all algorithms agree bit for bit: for
/// floating-point types the sum times postscale/ranks (computed in double, then rounded to the
/// accumulator's type); for integers the sum divided by ranks.
[[nodiscard]] inline Scaling ScalingFor(ReduceOp op, DataType dtype, double prescale,
                                        double postscale, int ranks) {
  Scaling scaling = {.prescale = prescale, .postscale = postscale};
  if (op == ReduceOp::kAverage && IsFloatingPoint(dtype)) scaling.postscale /= ranks;
  if (op == ReduceOp::kAverage && !IsFloatingPoint(dtype)) scaling.divisor = ranks;
  return scaling;
}

/// How many inputs a reduction may have.
inline constexpr int kMaxReduceInputs = 1024;

/// output[i] = postscale * (prescale*inputs[0][i] op prescale*inputs[1][i] op ...), as a binary
/// tree over the inputs (1 to kMaxReduceInputs), level by level: ReductionOrder::kTree. kAverage
/// counts as kSum: see ScalingFor. `op` must be IsElementwise.
///
/// float16 and bfloat16 accumulate in float32 and round once, to nearest even. min and max keep
/// NaN. Integer sums and products wrap modulo 2^bits. `output` may be one of the inputs; otherwise
/// they must not overlap. Pointers are aligned as their element type; no more is needed. The bits
/// do not depend on the instruction set.
void Reduce(ReduceOp op, DataType dtype, std::span<const void* const> inputs, void* output,
            std::int64_t count, const Scaling& scaling = {});

/// The same to several outputs at once, each of which may be one of the inputs: results go from
/// registers to all of them. `streams` writes them past the cache where they fill whole lines: for
/// outputs that do not fit there, whose lines would be fetched only to be overwritten. It needs
/// EndStream() before others are told.
void ReduceToAll(ReduceOp op, DataType dtype, std::span<const void* const> inputs,
                 std::span<void* const> outputs, std::int64_t count, const Scaling& scaling,
                 bool streams);

/// Reduce of one input: a plain copy where nothing is scaled. `input` may equal `output`.
void ReduceOne(ReduceOp op, DataType dtype, const void* input, void* output, std::int64_t count,
               const Scaling& scaling);

/// output[i] = factor * input[i] for floating-point types; a plain copy when factor is 1.
/// `input` may equal `output`.
void Scale(DataType dtype, const void* input, void* output, std::int64_t count, double factor);

/// The instruction set that Reduce uses on this machine: "avx512", "avx2" or "baseline".
[[nodiscard]] std::string_view ReduceInstructionSet();

}  // namespace ronde
