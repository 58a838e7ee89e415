// Every algorithm that declares ReductionOrder::kTree adds in that order, bit for bit.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/allreduce/algorithm.h"
#include "tests/conformance/allreduce_values.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using Values = std::vector<float>;

// One shot and two-shot of the shared memory, several chunks of them, and odd.
constexpr std::int64_t kCounts[] = {1, 1001, 9001};

Values Leaf(std::int64_t count, int index) {
  Values values(static_cast<std::size_t>(count));
  const std::vector<std::byte> bytes = MakeInput(DataType::kFloat32, count, 21, index);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// Leaves [first, first + count), each of `size` elements.
std::vector<Values> Leaves(std::int64_t size, int first, int count) {
  std::vector<Values> leaves;
  for (int i = first; i < first + count; ++i) leaves.push_back(Leaf(size, i));
  return leaves;
}

Values Plus(const Values& a, const Values& b) {
  Values sum(a.size());
  std::transform(a.begin(), a.end(), b.begin(), sum.begin(), std::plus<>());
  return sum;
}

// The definition: neighbours, then neighbouring pairs, ...; a last one without a neighbour waits.
Values TreeSumOf(std::vector<Values> level) {
  while (level.size() > 1) {
    std::vector<Values> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      next.push_back(Plus(level[i], level[i + 1]));
    }
    if (level.size() % 2 == 1) next.push_back(level.back());
    level = std::move(next);
  }
  return level.front();
}

Values Scaled(Values values, float factor) {
  for (float& value : values) value *= factor;
  return values;
}

// Calls `body(context, algorithm)` on `ranks` ranks for every algorithm that promises a tree there.
template <typename Body>
void OnTreeAlgorithms(int ranks, const Body& body) {
  RunRanks(ranks, [&body](Transport& transport) {
    Config config;
    ASSERT_TRUE(config.Set(Setting::kChunkBytes, "16K", SettingOrigin::kProgram).ok());
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
      if (algorithm->order(transport.size()) != ReductionOrder::kTree) continue;
      if (!algorithm->Supports(*context.value(), {.count = 1})) continue;
      SCOPED_TRACE(std::string(algorithm->name()));
      body(*context.value(), *algorithm);
    }
  });
}

Values Reduced(CollectiveContext& context, const AllreduceAlgorithm& algorithm, Values values,
               ReduceOp op, double postscale = 1) {
  const Status status = algorithm.Run(context, {.input = values.data(),
                                                .output = values.data(),
                                                .count = static_cast<std::int64_t>(values.size()),
                                                .op = op,
                                                .postscale = postscale});
  EXPECT_TRUE(status.ok()) << status.ToString();
  return values;
}

class TreeOrder : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, TreeOrder, testing::Range(1, 10));

TEST_P(TreeOrder, IsThatOfTheDefinitionBitForBit) {
  const int ranks = GetParam();
  for (const std::int64_t count : kCounts) {
    const Values sum = TreeSumOf(Leaves(count, 0, ranks));
    OnTreeAlgorithms(ranks, [&](CollectiveContext& context, const AllreduceAlgorithm& algorithm) {
      const Values leaf = Leaf(count, context.rank());
      EXPECT_EQ(Reduced(context, algorithm, leaf, ReduceOp::kSum), sum);
      EXPECT_EQ(Reduced(context, algorithm, leaf, ReduceOp::kAverage, 0.3),
                Scaled(sum, static_cast<float>(0.3 / ranks)));
    });
  }
}

TEST(TreeOrder, OtherOrdersHaveOtherBits) {
  for (const int ranks : {4, 5, 6, 7, 8, 9}) {
    std::vector<Values> leaves = Leaves(1001, 0, ranks);
    const Values tree = TreeSumOf(leaves);
    EXPECT_NE(std::accumulate(leaves.begin() + 1, leaves.end(), leaves[0], Plus), tree) << ranks;
    std::rotate(leaves.begin(), leaves.begin() + 1, leaves.end());
    EXPECT_NE(TreeSumOf(leaves), tree) << ranks;
  }
}

TEST(TreeOrder, EightLeavesHaveTheSameAverageOnAnyNumberOfRanks) {
  constexpr int kLeaves = 8;
  for (const std::int64_t count : kCounts) {
    const Values average = Scaled(TreeSumOf(Leaves(count, 0, kLeaves)), 1.0F / kLeaves);
    for (const int ranks : {1, 2, 4, 8}) {
      const int per_rank = kLeaves / ranks;
      OnTreeAlgorithms(ranks, [&](CollectiveContext& context, const AllreduceAlgorithm& algorithm) {
        const Values own = TreeSumOf(Leaves(count, context.rank() * per_rank, per_rank));
        EXPECT_EQ(Reduced(context, algorithm, own, ReduceOp::kSum, 1.0 / kLeaves), average)
            << count << " elements on " << ranks << " ranks";
      });
    }
  }
}

}  // namespace
}  // namespace ronde
