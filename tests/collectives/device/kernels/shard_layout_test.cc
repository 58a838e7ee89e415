#include "collectives/device/kernels/shard_layout.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

#include <gtest/gtest.h>

#include "collectives/device/kernels/device_kernels.h"

namespace ronde {
namespace {

class Parts : public testing::TestWithParam<std::tuple<std::int64_t, int>> {};

TEST_P(Parts, FollowOneAnotherFromBeginToEnd) {
  const auto [count, parts] = GetParam();
  const ElementRange whole = {1000, 1000 + count};
  constexpr std::int64_t kGrain = 32;
  std::int64_t at = whole.begin;
  std::int64_t least = count;
  std::int64_t most = 0;
  for (int part = 0; part < parts; ++part) {
    const ElementRange range = PartOf(whole, parts, part, kGrain);
    EXPECT_EQ(range.begin, at) << part;
    EXPECT_GE(range.end, range.begin);
    if (range.end != whole.end) {
      EXPECT_EQ(range.size() % kGrain, 0) << part;
    }
    least = std::min(least, range.size());
    most = std::max(most, range.size());
    at = range.end;
  }
  EXPECT_EQ(at, whole.end);
  EXPECT_LE(most - least, 2 * kGrain - 1) << "even, but for the grain";
}

INSTANTIATE_TEST_SUITE_P(All, Parts,
                         testing::Combine(testing::Values(0, 1, 31, 32, 33, 63, 64, 255, 1000, 4096,
                                                          100001),
                                          testing::Values(1, 2, 3, 7, 8, 16, 128)));

TEST(PartOf, TakesTensorsOfManyGigabytes) {
  constexpr std::int64_t kCount = std::int64_t{1} << 40;
  EXPECT_EQ(PartOf({0, kCount}, 128, 127, 32).end, kCount);
  EXPECT_EQ(PartOf({0, kCount}, 128, 127, 32).size(), kCount / 128);
}

TEST(ShardOf, BeginsOnLinesOfTheDevicesCache) {
  EXPECT_EQ(ShardOf(1000, 4, 2, 0), (ElementRange{0, 512}));
  EXPECT_EQ(ShardOf(1000, 4, 2, 1), (ElementRange{512, 1000}));
  EXPECT_EQ(ShardOf(1000, 2, 2, 0).end * 2 % kPartBytes, 0);
  EXPECT_EQ(ShardOf(3, 4, 2, 0).size() + ShardOf(3, 4, 2, 1).size(), 3) << "fewer than a line";
}

TEST(ChunksOf, CountsOneAtLeast) {
  EXPECT_EQ(ChunksOf(0, 1024), 1);
  EXPECT_EQ(ChunksOf(1024, 1024), 1);
  EXPECT_EQ(ChunksOf(1025, 1024), 2);
}

TEST(Blocks, GrowWithTheBytesThatEachHasToMove) {
  EXPECT_EQ(BlocksForOneShot(0), 1);
  EXPECT_EQ(BlocksForOneShot(8192), 1);
  EXPECT_EQ(BlocksForOneShot(8193), 2);
  EXPECT_LE(BlocksForOneShot(std::int64_t{1} << 40), kMaxPeerBlocks);
  EXPECT_EQ(BlocksForTwoShot(65536, 8), 1);
}

}  // namespace
}  // namespace ronde
