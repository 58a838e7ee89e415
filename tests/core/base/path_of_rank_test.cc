#include "core/base/path_of_rank.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(PathOfRank, RankZeroHasThePathItself) { EXPECT_EQ(PathOfRank("run/t.json", 0), "run/t.json"); }

TEST(PathOfRank, OthersAddTheirRankBeforeTheExtension) {
  EXPECT_EQ(PathOfRank("run/t.json", 12), "run/t.rank12.json");
  EXPECT_EQ(PathOfRank("t.json", 1), "t.rank1.json");
  EXPECT_EQ(PathOfRank("/tmp/a.b/t", 1), "/tmp/a.b/t.rank1");
  EXPECT_EQ(PathOfRank("../t.tar.gz", 1), "../t.tar.rank1.gz");
}

}  // namespace
}  // namespace ronde
