// The executor's steady state allocates nothing. Replaces the global allocation functions, so it is
// a program of its own.

#include <array>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "tensor_fusion/fused_executor.h"
#include "tests/support/run_ranks.h"

namespace {

thread_local long allocations_of_this_thread = 0;

}  // namespace

// Not inlined: the compiler would take new and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size_bytes, const std::nothrow_t&) noexcept {
  ++allocations_of_this_thread;
  return std::malloc(size_bytes == 0 ? 1 : size_bytes);
}
[[gnu::noinline]] void* operator new(std::size_t size_bytes) {
  void* memory = operator new(size_bytes, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ronde {
namespace {

constexpr std::size_t kTensors = 20;
constexpr std::int64_t kCount = 300;
using Buffers = std::array<std::array<float, kCount>, kTensors>;

std::vector<ReadyOperation> Operations(Buffers& buffers) {
  std::vector<ReadyOperation> operations(kTensors);
  for (std::size_t i = 0; i < kTensors; ++i) {
    Request& request = operations[i].response->request;
    request.kind = i % 5 == 0 ? OperationKind::kModelAverage : OperationKind::kAllreduce;
    request.shape = {kCount};
    if (i % 10 == 0) {
      request.dtype = DataType::kBFloat16;
      request.shape = {2 * kCount};
    }
    operations[i].entry.request = request;
    operations[i].entry.input = TensorView(buffers[i].data(), request.dtype, request.shape);
    operations[i].entry.output = operations[i].entry.input;
  }
  return operations;
}

TEST(FusedExecutor, AllocatesNothingInTheSteadyState) {
  for (const int size : {1, 2}) {
    RunRanks(size, [](Transport& transport) {
      const Config config;
      auto context = CollectiveContext::Create(transport, config);
      ASSERT_TRUE(context.ok()) << context.status().message();
      auto selector = Selector::Create(config);
      ASSERT_TRUE(selector.ok()) << selector.status().message();
      FusedExecutor executor(*context.value(), std::move(selector).value(), 8192);
      Buffers buffers{};
      for (int step = 1; step <= 5; ++step) {
        std::vector<ReadyOperation> operations = Operations(buffers);
        const long before = allocations_of_this_thread;
        const Status status = executor.Execute(operations);
        const long allocations = allocations_of_this_thread - before;
        ASSERT_TRUE(status.ok()) << status.message();
        EXPECT_TRUE(step == 1 || allocations == 0) << allocations << " in step " << step;
      }
    });
  }
}

}  // namespace
}  // namespace ronde
