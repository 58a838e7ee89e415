#include "bench/collectives/collective.h"

#include <gtest/gtest.h>

namespace ronde::bench {
namespace {

Layout Float(Collective collective, std::int64_t size_bytes, int ranks) {
  return LayoutOf(collective, size_bytes, DataType::kFloat32, ranks);
}

TEST(Layout, ASizeIsThatOfTheLargerSide) {
  const Layout gathered = Float(Collective::kAllgather, 1 << 20, 4);
  EXPECT_EQ(gathered.size_bytes, 1 << 20);
  EXPECT_EQ(gathered.count, 1 << 16);
  EXPECT_EQ(gathered.input_count, 1 << 16);
  EXPECT_EQ(gathered.output_count, 1 << 18);

  const Layout scattered = Float(Collective::kReducescatter, 1 << 20, 4);
  EXPECT_EQ(scattered.count, 1 << 16);
  EXPECT_EQ(scattered.input_count, 1 << 18);
  EXPECT_EQ(scattered.output_count, 1 << 16);

  const Layout exchanged = Float(Collective::kAlltoall, 1 << 20, 4);
  EXPECT_EQ(exchanged.count, 1 << 16);
  EXPECT_EQ(exchanged.input_count, 1 << 18);
  EXPECT_EQ(exchanged.output_count, 1 << 18);

  for (const Collective whole :
       {Collective::kAllreduce, Collective::kBroadcast, Collective::kSendrecv}) {
    const Layout layout = Float(whole, 1000, 3);
    EXPECT_EQ(layout.size_bytes, 1000);
    EXPECT_EQ(layout.count, 250);
    EXPECT_EQ(layout.input_count, 250);
    EXPECT_EQ(layout.output_count, 250);
  }
}

TEST(Layout, BlocksAreMultiplesOf16BytesAndNeverEmpty) {
  EXPECT_EQ(Float(Collective::kAllgather, 1000, 3).count, 80);  // 83 rounded down to 4 elements
  EXPECT_EQ(Float(Collective::kAllgather, 1000, 3).size_bytes, 960);
  EXPECT_EQ(Float(Collective::kAllgather, 24, 3).count, 2);  // below 16 bytes as it comes
  EXPECT_EQ(Float(Collective::kAlltoall, 4, 3).count, 1);
  EXPECT_EQ(Float(Collective::kAllreduce, 1, 3).count, 1);
}

TEST(BusFactor, FollowsNcclTests) {
  EXPECT_DOUBLE_EQ(BusFactor(Collective::kAllreduce, 4), 1.5);
  EXPECT_DOUBLE_EQ(BusFactor(Collective::kAllgather, 4), 0.75);
  EXPECT_DOUBLE_EQ(BusFactor(Collective::kReducescatter, 4), 0.75);
  EXPECT_DOUBLE_EQ(BusFactor(Collective::kAlltoall, 4), 0.75);
  EXPECT_DOUBLE_EQ(BusFactor(Collective::kBroadcast, 4), 1);
  EXPECT_DOUBLE_EQ(BusFactor(Collective::kSendrecv, 4), 1);
}

TEST(Collective, NamesReadBack) {
  for (const std::string_view name : CollectiveNames()) {
    ASSERT_TRUE(ParseCollective(name).has_value());
    EXPECT_EQ(Name(*ParseCollective(name)), name);
  }
  EXPECT_FALSE(ParseCollective("gather").has_value());
}

}  // namespace
}  // namespace ronde::bench
