#include "tests/conformance/movement_conformance.h"

#include <string>

#include <gtest/gtest.h>

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reducescatter/reducescatter.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

// Several chunks of the smallest size, and odd; a thread sanitizer takes ten times as long.
#if defined(__SANITIZE_THREAD__)
constexpr std::int64_t kLarge = 4999;
constexpr std::int64_t kMedium = 65;
#else
constexpr std::int64_t kLarge = 9001;
constexpr std::int64_t kMedium = 333;
#endif

Config ConfigWith(const std::string& chunk_bytes, const std::string& hierarchy) {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kChunkBytes, chunk_bytes, SettingOrigin::kProgram).ok());
  EXPECT_TRUE(config.Set(Setting::kHierarchy, hierarchy, SettingOrigin::kProgram).ok());
  return config;
}

void CheckOn(Transport& transport, const MovementExtent& extent, const std::string& chunk_bytes,
             const std::string& hierarchy = "auto") {
  auto context = CollectiveContext::Create(transport, ConfigWith(chunk_bytes, hierarchy));
  ASSERT_TRUE(context.ok()) << context.status().ToString();
  const Status status = CheckAllMovement(*context.value(), extent);
  EXPECT_TRUE(status.ok()) << status.message();
  // The others would wait for a rank that has given up.
  if (!status.ok()) transport.Abort(status);
}

// Every type and operator would take a sanitizer too long where there is more than one chunk.
MovementExtent LargeExtent() {
  return {.counts = {kLarge},
          .dtypes = {DataType::kBFloat16, DataType::kFloat32, DataType::kUInt8},
          .ops = {ReduceOp::kAverage}};
}

class MovementConformance : public testing::TestWithParam<int> {};

TEST_P(MovementConformance, HoldsForSmallCounts) {
  const int ranks = GetParam();
  RunRanks(ranks, [ranks](Transport& transport) {
    CheckOn(transport, FullExtent({0, 1, ranks - 1, 17, kMedium}), "256K");
  });
}

TEST_P(MovementConformance, HoldsForManyChunks) {
  RunRanks(GetParam(), [](Transport& transport) { CheckOn(transport, LargeExtent(), "4K"); });
}

INSTANTIATE_TEST_SUITE_P(Ranks, MovementConformance, testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9));

TEST(MovementConformanceOfMany, HoldsForSixteenRanks) {
  RunRanks(16, [](Transport& transport) { CheckOn(transport, LargeExtent(), "16K"); });
}

// Hosts that have equally many ranks, that do not, and whose ranks are not consecutive.
struct Hosts {
  std::string name;
  std::vector<std::string> ids;
  std::string hierarchy;
};

class MovementConformanceOnHosts : public testing::TestWithParam<Hosts> {};

TEST_P(MovementConformanceOnHosts, HoldsForSmallCounts) {
  RunRanksOnHosts(GetParam().ids, [](Transport& transport) {
    CheckOn(transport, FullExtent({0, 1, 17, kMedium}), "256K", GetParam().hierarchy);
  });
}

TEST_P(MovementConformanceOnHosts, HoldsForManyChunks) {
  RunRanksOnHosts(GetParam().ids, [](Transport& transport) {
    CheckOn(transport, LargeExtent(), "4K", GetParam().hierarchy);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, MovementConformanceOnHosts,
    testing::Values(Hosts{"TwoAndOne", {"a", "a", "b"}, "auto"},
                    Hosts{"TwoAndOneFlat", {"a", "a", "b"}, "flat"},
                    Hosts{"TwoAndTwo", {"a", "a", "b", "b"}, "auto"},
                    Hosts{"TwoAndTwoRails", {"a", "a", "b", "b"}, "rails"},
                    Hosts{"TwoAndTwoLeader", {"a", "a", "b", "b"}, "leader"},
                    Hosts{"TwoAndTwoMixed", {"a", "b", "a", "b"}, "auto"},
                    Hosts{"ThreeAndOne", {"a", "a", "a", "b"}, "auto"},
                    Hosts{"ThreeAndOneLeader", {"a", "a", "a", "b"}, "leader"},
                    Hosts{"TwoTwoAndOne", {"a", "a", "b", "b", "c"}, "auto"},
                    Hosts{"TwoThreeAndOneMixed", {"a", "b", "a", "b", "c", "b"}, "auto"},
                    Hosts{"FourOfTwo", {"a", "a", "b", "b", "c", "c", "d", "d"}, "auto"},
                    Hosts{"ThreeOfTwoRails", {"a", "a", "b", "b", "c", "c"}, "rails"}),
    [](const auto& layout) { return layout.param.name; });

TEST(MovementConformanceOfHosts, HoldsWhereNoTwoRanksShareMemory) {
  RunRanksOnHosts({"a", "b", "c", "d"}, [](Transport& transport) {
    CheckOn(transport, FullExtent({0, 1, 17, kMedium}), "256K");
  });
}

TEST(MovementForms, FollowSizeAndMemory) {
  RunRanks(3, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    const MemoryPlace here = {.block = 1};
    const std::vector<std::int64_t> small(3, 16);
    const std::vector<std::int64_t> large(3, 1 << 20);
    const std::vector<std::int64_t> large_square(9, 1 << 20);
    const auto allgather = [&](const auto& bytes, MemoryPlace place) {
      return AllgatherAlgorithm(*context.value(), {.rank_bytes = bytes, .output_place = place});
    };
    EXPECT_EQ(allgather(large, here), "push");
    EXPECT_EQ(allgather(small, here), "shared_memory");
    EXPECT_EQ(allgather(large, {}), "shared_memory");
    const auto reducescatter = [&](const auto& counts, MemoryPlace place) {
      return ReducescatterAlgorithm(*context.value(),
                                    {.rank_counts = counts, .input_place = place});
    };
    EXPECT_EQ(reducescatter(large, here), "pull");
    EXPECT_EQ(reducescatter(small, here), "shared_memory");
    EXPECT_EQ(reducescatter(large, {}), "shared_memory");
    EXPECT_EQ(BroadcastAlgorithm(*context.value(), {.size_bytes = 1 << 20, .place = here}), "push");
    EXPECT_EQ(BroadcastAlgorithm(*context.value(), {.size_bytes = 16, .place = here}),
              "shared_memory");
    EXPECT_EQ(
        AlltoallAlgorithm(*context.value(), {.block_bytes = large_square, .input_place = here}),
        "pull");
    EXPECT_EQ(AlltoallAlgorithm(*context.value(), {.block_bytes = large_square}), "shared_memory");
  });
}

}  // namespace
}  // namespace ronde
