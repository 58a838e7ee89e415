#include "collectives/allreduce/pieces.h"

#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

std::string Visits(const std::vector<AllreducePiece>& pieces, std::size_t begin, std::size_t size) {
  AllreduceArguments arguments;
  arguments.pieces = pieces;
  std::string text;
  Pieces(arguments).ForEach(
      begin, size, [&](const std::byte*, std::byte* output, std::size_t at, std::size_t bytes) {
        text += std::to_string(reinterpret_cast<std::uintptr_t>(output)) + "+" +
                std::to_string(bytes) + "@" + std::to_string(at) + " ";
      });
  return text;
}

TEST(Pieces, VisitTheirPartsOfARangeAndLeaveGapsAlone) {
  const auto at = [](std::uintptr_t address) { return reinterpret_cast<void*>(address); };
  const std::vector<AllreducePiece> pieces = {
      {at(1000), at(1000), 0, 100}, {at(2000), at(2000), 128, 0}, {at(3000), at(3000), 128, 40}};
  EXPECT_EQ(Visits(pieces, 0, 192), "1000+100@0 3000+40@128 ");
  EXPECT_EQ(Visits(pieces, 64, 72), "1064+36@0 3000+8@64 ");
  EXPECT_EQ(Visits(pieces, 100, 28), "");
  EXPECT_EQ(Visits(pieces, 130, 500), "3002+38@0 ");
  EXPECT_EQ(Visits(pieces, 168, 10), "");
}

TEST(Pieces, AreOneWhereThereIsOneBuffer) {
  std::vector<float> data(10);
  AllreduceArguments arguments;
  arguments.input = data.data();
  arguments.output = data.data();
  arguments.count = 10;
  std::size_t visited = 0;
  Pieces(arguments).ForEach(
      8, 100, [&](const std::byte* input, std::byte*, std::size_t, std::size_t bytes) {
        EXPECT_EQ(input, reinterpret_cast<const std::byte*>(data.data() + 2));
        visited += bytes;
      });
  EXPECT_EQ(visited, 32U);
}

constexpr std::size_t kLine = 64;

// Tensors of these lengths, each on a line of its own among them, filled by rank.
struct Tensors {
  Tensors(const std::vector<std::size_t>& counts, int rank) {
    std::size_t begin = 0;
    for (const std::size_t count : counts) {
      inputs.emplace_back(count);
      std::iota(inputs.back().begin(), inputs.back().end(),
                0.1F * static_cast<float>(rank + 1) + static_cast<float>(inputs.size()));
      outputs.emplace_back(count, -1.0F);
      pieces.push_back({inputs.back().data(), outputs.back().data(), begin, count * sizeof(float)});
      begin += (count * sizeof(float) + kLine - 1) / kLine * kLine;
    }
    size_bytes = begin;
  }
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<float>> outputs;
  std::vector<AllreducePiece> pieces;
  std::size_t size_bytes = 0;
};

// Every algorithm that takes pieces gives each tensor the bits that it has alone.
void CheckAgainstSingles(Transport& transport, const std::vector<std::size_t>& counts) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kChunkBytes, "4K", SettingOrigin::kProgram).ok());
  auto context = CollectiveContext::Create(transport, config);
  ASSERT_TRUE(context.ok()) << context.status().message();
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    AllreduceArguments arguments;
    arguments.op = ReduceOp::kAverage;
    if (!algorithm->TakesPieces() || !algorithm->Supports(*context.value(), arguments)) continue;
    Tensors together(counts, transport.rank());
    arguments.pieces = together.pieces;
    arguments.count = static_cast<std::int64_t>(together.size_bytes / sizeof(float));
    ASSERT_TRUE(algorithm->Run(*context.value(), arguments).ok());
    Tensors alone(counts, transport.rank());
    for (std::size_t i = 0; i < counts.size(); ++i) {
      AllreduceArguments single;
      single.op = ReduceOp::kAverage;
      single.input = alone.inputs[i].data();
      single.output = alone.outputs[i].data();
      single.count = static_cast<std::int64_t>(counts[i]);
      ASSERT_TRUE(algorithm->Run(*context.value(), single).ok());
    }
    EXPECT_EQ(together.outputs, alone.outputs) << algorithm->name();
  }
}

TEST(Pieces, AreReducedAsTensorsAreAlone) {
  for (const int ranks : {1, 2, 3, 4, 5}) {
    RunRanks(ranks, [](Transport& transport) {
      CheckAgainstSingles(transport, {3, 0, 5});
      CheckAgainstSingles(transport, {1, 17, 0, 4001, 64, 1, 2500});
    });
  }
}

}  // namespace
}  // namespace ronde
