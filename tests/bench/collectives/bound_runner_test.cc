#include "bench/collectives/bound_runner.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "bench/collectives/bound_kernels/memory_kernels.h"
#include "collectives/reduce_kernels.h"
#include "collectives/shared/stream_copy.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

// Every set of kernels that this machine can run.
std::vector<const MemoryKernels*> Kernels() {
  std::vector<const MemoryKernels*> kernels = {&BaselineMemoryKernels()};
  if (&BestMemoryKernels() != kernels[0]) kernels.push_back(&BestMemoryKernels());
  return kernels;
}

struct alignas(kKernelLineBytes) Line {
  std::uint64_t words[kKernelLineBytes / sizeof(std::uint64_t)];
};

std::vector<Line> SomeLines(std::size_t lines) {
  std::vector<Line> result(lines);
  std::uint64_t next = 1;
  for (Line& line : result) {
    for (std::uint64_t& word : line.words) word = next = next * 0x9E3779B97F4A7C15u + 1;
  }
  return result;
}

std::byte* Bytes(std::vector<Line>& lines) { return reinterpret_cast<std::byte*>(lines.data()); }

TEST(MemoryKernels, PassOverEveryByteOnce) {
  for (const MemoryKernels* const kernels : Kernels()) {
    for (const std::size_t lines : {0u, 1u, 3u, 4u, 7u, 64u, 101u}) {
      for (const int streams : {1, 2, 4}) {
        SCOPED_TRACE(testing::Message()
                     << kernels->instruction_set << " " << lines << " lines x" << streams);
        std::vector<Line> given = SomeLines(lines);
        const std::size_t bytes = lines * kKernelLineBytes;
        std::uint64_t all = 0;
        for (const Line& line : given) {
          for (const std::uint64_t word : line.words) all ^= word;
        }
        EXPECT_EQ(kernels->read(Bytes(given), bytes, streams), all);
        for (const bool past_cache : {false, true}) {
          std::vector<Line> copy(lines);
          kernels->copy(Bytes(copy), Bytes(given), bytes, streams, past_cache);
          EndStream();
          EXPECT_TRUE(lines == 0 || std::memcmp(Bytes(copy), Bytes(given), bytes) == 0);
        }
        std::vector<Line> changed = given;
        kernels->change(Bytes(changed), bytes, streams, ~std::uint64_t{0});
        for (std::size_t i = 0; i < lines; ++i) {
          for (std::size_t k = 0; k < std::size(given[i].words); ++k) {
            ASSERT_EQ(changed[i].words[k], ~given[i].words[k]) << i << " " << k;
          }
        }
      }
    }
  }
}

TEST(MemoryKernels, UseTheInstructionsOfReductions) {
  EXPECT_EQ(BestMemoryKernels().instruction_set, ReduceInstructionSet());
}

TEST(BoundRunner, CopiesWholeLinesAndLeavesAllElse) {
  RunRanksOwning(2, [](std::unique_ptr<Transport> transport) {
    auto direct = DirectRunner::CreateOn(std::move(transport), Config());
    ASSERT_TRUE(direct.ok());
    BoundRunner runner(*direct.value(), BoundRunner::Kind::kReadAndWrite);
    std::vector<Line> input = SomeLines(40);
    std::vector<Line> output(40);
    CollectiveCall call;
    // Neither buffer begins or ends with a line.
    const auto count = static_cast<std::int64_t>(38 * kKernelLineBytes / sizeof(float));
    call.layout = {count, count, count, static_cast<std::int64_t>(38 * kKernelLineBytes)};
    call.input = Bytes(input) + 16;
    call.output = Bytes(output) + 32;
    ASSERT_TRUE(runner.Supports(call));
    ASSERT_TRUE(runner.Prepare(call).ok());
    ASSERT_TRUE(runner.Run(call).ok());
    EXPECT_EQ(output[0].words[0], 0u);
    EXPECT_EQ(std::memcmp(&output[1], &input[1], 37 * kKernelLineBytes), 0);
    EXPECT_EQ(output[38].words[0], 0u);
    EXPECT_NE(runner.AlgorithmFor(call).find("copy"), std::string::npos);
    call.in_place = true;
    call.input = call.output;
    const std::vector<Line> before = output;
    ASSERT_TRUE(runner.Prepare(call).ok());
    ASSERT_TRUE(runner.Run(call).ok());
    EXPECT_EQ(std::memcmp(before.data(), output.data(), 40 * kKernelLineBytes), 0);
  });
}

TEST(BoundRunner, KnowsNoBoundOfOtherCollectives) {
  RunRanksOwning(1, [](std::unique_ptr<Transport> transport) {
    auto direct = DirectRunner::CreateOn(std::move(transport), Config());
    ASSERT_TRUE(direct.ok());
    CollectiveCall call;
    call.collective = Collective::kAllgather;
    EXPECT_FALSE(BoundRunner(*direct.value(), BoundRunner::Kind::kReadAndWrite).Supports(call));
  });
}

}  // namespace
}  // namespace ronde::bench
