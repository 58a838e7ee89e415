#include "collectives/cost_model.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "collectives/selector.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

// What auto takes for a call of this size in registered memory on ranks of one host.
std::string Chosen(int ranks, int cores, std::int64_t size_bytes) {
  std::string name;
  RunRanks(ranks, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    if (transport.rank() != 0) return;
    context.value()->set_costs(DefaultCosts({.ranks_per_host = ranks, .cores = cores}));
    AllreduceArguments arguments;
    arguments.count = size_bytes / 4;
    arguments.input_place = {.block = 1};
    arguments.output_place = {.block = 2};
    const auto selector = Selector::Create(Config());
    name = selector.value().Choose(*context.value(), arguments).value()->name();
  });
  return name;
}

TEST(DefaultCosts, AreTheCompiledInOnesWhereEveryRankHasACore) {
  EXPECT_EQ(DefaultCosts({.ranks_per_host = 2, .cores = 2}), CostModel());
  EXPECT_EQ(DefaultCosts({.ranks_per_host = 1, .cores = 64}), CostModel());
}

TEST(DefaultCosts, StreamFromTheCacheSizeOn) {
  const CostModel costs = DefaultCosts({.ranks_per_host = 2, .cores = 2, .cache_bytes = 1 << 20});
  EXPECT_EQ(costs.streaming_bytes, 1 << 20);
}

TEST(DefaultCosts, AStepOnACrowdedHostCostsMicroseconds) {
  const CostModel costs = DefaultCosts({.ranks_per_host = 4, .cores = 2});
  EXPECT_GT(costs.shared_memory.alpha_us, 1);
  EXPECT_GT(costs.registered.alpha_us, 1);
  EXPECT_GT(costs.shared_memory.beta_us, CostModel().shared_memory.beta_us);
  EXPECT_EQ(costs.network, CostModel().network);
}

// Measured at 2 ranks: shared_memory is faster up to some 1.4 KiB.
TEST(DefaultCosts, TwoRanksTurnToRegisteredMemoryAboutWhereItWasMeasured) {
  EXPECT_EQ(Chosen(2, 2, 512), "shared_memory");
  EXPECT_EQ(Chosen(2, 2, 4 << 10), "push_two_shot");
  EXPECT_EQ(Chosen(2, 2, 64 << 20), "push_two_shot");
}

// Measured at 4 ranks on 2 cores: shared_memory is faster up to some 10 KiB, and in one shot up to
// some 14 KiB; at 16 KiB one shot takes twice as long as either form with two steps.
TEST(DefaultCosts, CrowdedRanksTurnToRegisteredMemoryAboutWhereItWasMeasured) {
  EXPECT_EQ(Chosen(4, 2, 64), "shared_memory");
  EXPECT_EQ(Chosen(4, 2, 8 << 10), "shared_memory");
  EXPECT_EQ(Chosen(4, 2, 16 << 10), "push_two_shot");
  EXPECT_EQ(Chosen(4, 2, 64 << 10), "push_two_shot");
  const CostModel costs = DefaultCosts({.ranks_per_host = 4, .cores = 2});
  EXPECT_GE(costs.one_shot_bytes, 8 << 10);
  EXPECT_LT(costs.one_shot_bytes, 16 << 10);
}

TEST(DefaultCosts, FourRanksWithACoreEachTurnEarlierThanCrowdedOnes) {
  EXPECT_EQ(Chosen(4, 4, 8 << 10), "push_two_shot");
}

TEST(CeilLog2, CountsTheRoundsOfADoubling) {
  for (const auto& [ranks, rounds] : {std::pair{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {64, 6}}) {
    EXPECT_EQ(CeilLog2(ranks), rounds) << ranks;
  }
}

}  // namespace
}  // namespace ronde
