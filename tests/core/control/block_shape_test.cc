#include "core/control/block_shape.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(BlockShape, DealsOneRowMoreToTheFirstRanks) {
  EXPECT_EQ(ReducescatterShape({7, 3}, 0, 3), (Shape{3, 3}));
  EXPECT_EQ(ReducescatterShape({7, 3}, 1, 3), (Shape{2, 3}));
  EXPECT_EQ(ReducescatterShape({7, 3}, 2, 3), (Shape{2, 3}));
  EXPECT_EQ(ReducescatterShape({1}, 1, 2), (Shape{0}));
  EXPECT_EQ(ReducescatterShape({0, 5}, 0, 4), (Shape{0, 5}));
  EXPECT_EQ(ReducescatterShape({}, 1, 2), Shape{}) << "refused later";
}

TEST(BlockShape, OfNoRanksIsWhole) {
  EXPECT_EQ(ReducescatterRows(INT64_MIN, -1, -1), INT64_MIN);
  EXPECT_EQ(ReducescatterShape({7}, -1, 0), Shape{7});
}

TEST(BlockShape, KnowsWhereARanksRowsBegin) {
  EXPECT_EQ(ReducescatterBegin(7, 0, 3), 0);
  EXPECT_EQ(ReducescatterBegin(7, 1, 3), 3);
  EXPECT_EQ(ReducescatterBegin(7, 2, 3), 5);
  EXPECT_EQ(ReducescatterBegin(1, 2, 3), 1);
}

TEST(BlockShape, GathersTheRowsOfAllRanks) {
  EXPECT_EQ(AllgatherShape({2, 3}, 4), (Shape{8, 3}));
  EXPECT_EQ(AllgatherShape({}, 4), (Shape{4}));
  EXPECT_EQ(AllgatherShape({1LL << 62}, 4), (Shape{1LL << 62})) << "refused later";
}

}  // namespace
}  // namespace ronde
