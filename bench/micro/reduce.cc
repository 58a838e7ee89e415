#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// GB/s count what a kernel reads and writes: every input once, the output once.
void ReduceInputs(benchmark::State& state, DataType dtype, ReduceOp op) {
  const auto input_count = static_cast<std::size_t>(state.range(0));
  const auto bytes = static_cast<std::size_t>(state.range(1));
  std::vector<std::vector<std::byte>> inputs(input_count);
  std::vector<const void*> pointers;
  for (std::vector<std::byte>& input : inputs) {
    input.assign(bytes, std::byte{0});  // zeros stay zeros under every operator
    pointers.push_back(input.data());
  }
  std::vector<std::byte> output(bytes);
  const auto count = static_cast<std::int64_t>(bytes / SizeOf(dtype));
  for (auto _ : state) {
    Reduce(op, dtype, pointers, output.data(), count);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>((input_count + 1) * bytes));
}

bool RegisterAll() {
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kProduct}) {
      const auto type = static_cast<DataType>(dtype);
      benchmark::RegisterBenchmark(StrCat("reduce/", Name(type), "/", Name(op)).c_str(),
                                   &ReduceInputs, type, op)
          ->ArgNames({"inputs", "bytes"})
          ->ArgsProduct({{2, 4, 8}, {4 << 10, 256 << 10, 16 << 20}});
    }
  }
  return true;
}

[[maybe_unused]] const bool registered = RegisterAll();

}  // namespace
}  // namespace ronde
