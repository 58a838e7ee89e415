#include "collectives/reduce_kernels.h"

#include <array>
#include <cstring>

#include "collectives/kernels/reduce_call.h"

namespace ronde {

void Reduce(ReduceOp op, DataType dtype, std::span<const void* const> inputs, void* output,
            std::int64_t count, const Scaling& scaling) {
  ReduceToAll(op, dtype, inputs, std::span(&output, 1), count, scaling, /*streams=*/false);
}

void ReduceToAll(ReduceOp op, DataType dtype, std::span<const void* const> inputs,
                 std::span<void* const> outputs, std::int64_t count, const Scaling& scaling,
                 bool streams) {
  if (count == 0) return;
  const ReduceCall call = {.inputs = inputs.data(),
                           .input_count = static_cast<int>(inputs.size()),
                           .outputs = outputs.data(),
                           .output_count = static_cast<int>(outputs.size()),
                           .streams = streams,
                           .count = count,
                           .prescale = scaling.prescale,
                           .postscale = scaling.postscale,
                           .divisor = scaling.divisor};
  constexpr std::array kIndexOfOp = {0, 0, 1, 2, 3};  // kAverage is a sum
  BestReduceKernels().kernels[static_cast<int>(dtype)][kIndexOfOp[static_cast<int>(op)]](call);
}

void ReduceOne(ReduceOp op, DataType dtype, const void* input, void* output, std::int64_t count,
               const Scaling& scaling) {
  if (scaling.prescale == 1 && scaling.postscale == 1) {
    Scale(dtype, input, output, count, 1);
  } else {
    Reduce(op, dtype, std::array{input}, output, count, scaling);
  }
}

void Scale(DataType dtype, const void* input, void* output, std::int64_t count, double factor) {
  if (factor == 1) {
    if (input == output || count == 0) return;
    std::memcpy(output, input, static_cast<std::size_t>(count) * SizeOf(dtype));
    return;
  }
  Reduce(ReduceOp::kSum, dtype, std::array{input}, output, count, {.prescale = factor});
}

std::string_view ReduceInstructionSet() { return BestReduceKernels().instruction_set; }

}  // namespace ronde
