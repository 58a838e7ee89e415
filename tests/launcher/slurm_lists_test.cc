#include "launcher/slurm_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SlurmHosts, ExpandsRangesWithTheirLeadingZeros) {
  EXPECT_THAT(ExpandSlurmHosts("n1").value(), ElementsAre("n1"));
  EXPECT_THAT(ExpandSlurmHosts("n[08-10],gpu-2").value(),
              ElementsAre("n08", "n09", "n10", "gpu-2"));
  EXPECT_THAT(ExpandSlurmHosts("n[1,3-4,007]x").value(), ElementsAre("n1x", "n3x", "n4x", "n007x"));
  EXPECT_THAT(ExpandSlurmHosts("r[1-2]n[3-4]").value(),
              ElementsAre("r1n3", "r1n4", "r2n3", "r2n4"));
  EXPECT_THAT(ExpandSlurmHosts("n[9-11]").value(), ElementsAre("n9", "n10", "n11"));
}

TEST(SlurmHosts, RefusesDamagedLists) {
  for (const char* list : {"", ",", "n[1-2", "n1]", "n[]", "n[a]", "n[2-1]", "n[1--2]", "n[1-2]]",
                           "n[1-2-3]", "n[1,]", "a b", "n[[1]]", "n[1234567890]", "[1-2]:3"}) {
    EXPECT_FALSE(ExpandSlurmHosts(list).ok()) << list;
  }
  EXPECT_THAT(ExpandSlurmHosts("n[5-3]").status().message(), HasSubstr("'5-3' counts down"));
}

TEST(SlurmHosts, RefusesMoreHostsThanAnyClusterHas) {
  EXPECT_EQ(ExpandSlurmHosts("n[1-65536]").value().size(), 65536U);
  EXPECT_THAT(ExpandSlurmHosts("n[1-65537]").status().message(), HasSubstr("more than 65536"));
  EXPECT_THAT(ExpandSlurmHosts("n[1-999999999]").status().message(), HasSubstr("more than 65536"));
  EXPECT_THAT(ExpandSlurmHosts("a[1-999]b[1-999]").status().message(), HasSubstr("more than"));
  EXPECT_THAT(ExpandSlurmHosts("n[1-65536],m").status().message(), HasSubstr("more than 65536"));
}

TEST(SlurmCounts, ExpandsRepetitions) {
  EXPECT_THAT(ExpandSlurmCounts("2(x3),1").value(), ElementsAre(2, 2, 2, 1));
  EXPECT_THAT(ExpandSlurmCounts("16").value(), ElementsAre(16));
}

TEST(SlurmCounts, RefusesDamagedLists) {
  for (const char* list : {"", ",", "2(x3", "2(x)", "(x3)", "2(3)", "0", "-1", "2(x0)", "2(x3)4",
                           "two", "2(x99999)"}) {
    EXPECT_FALSE(ExpandSlurmCounts(list).ok()) << list;
  }
}

}  // namespace
}  // namespace ronde
