#include "tensor_fusion/pack.h"

#include <vector>

#include <benchmark/benchmark.h>

namespace ronde {
namespace {

// A batch as fusion sees it: tensors here and there in memory, and one buffer.
struct Batch {
  Batch(std::int64_t tensor_count, std::int64_t tensor_bytes) {
    for (std::int64_t i = 0; i < tensor_count; ++i) {
      memory.emplace_back(static_cast<std::size_t>(tensor_bytes));
      PackedTensor tensor;
      tensor.input = memory.back().data();
      tensor.output = memory.back().data();
      tensor.size_bytes = memory.back().size();
      tensors.push_back(tensor);
    }
    buffer.resize(PackedSizeOf(tensors));
  }

  std::vector<std::vector<std::byte>> memory;
  std::vector<PackedTensor> tensors;
  std::vector<std::byte> buffer;
};

// GB/s of payload; the memory moves twice that.
void SetBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
}

void PackBatch(benchmark::State& state) {
  Batch batch(state.range(0), state.range(1));
  for (auto _ : state) {
    Pack(batch.tensors, batch.buffer.data());
    benchmark::ClobberMemory();
  }
  SetBytes(state);
}

void UnpackBatch(benchmark::State& state) {
  Batch batch(state.range(0), state.range(1));
  Pack(batch.tensors, batch.buffer.data());
  for (auto _ : state) {
    Unpack(batch.tensors, batch.buffer.data());
    benchmark::ClobberMemory();
  }
  SetBytes(state);
}

// One large tensor, a layer's worth, and the many small ones of batch normalisation.
void Batches(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"tensors", "bytes"});
  benchmark->Args({1, 1 << 20})->Args({16, 64 << 10})->Args({106, 1 << 10})->Args({4, 16 << 20});
}

BENCHMARK(PackBatch)->Name("pack")->Apply(Batches);
BENCHMARK(UnpackBatch)->Name("unpack")->Apply(Batches);

}  // namespace
}  // namespace ronde
