#include "frontends/session/process_set_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ProcessSetTable, KnowsTheSetOfAllRanksFromTheStart) {
  const ProcessSetTable table(2, 4);
  const Result<ProcessSetPlace> place = table.PlaceIn(0);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(place.value().rank, 2);
  EXPECT_EQ(place.value().size, 4);
  EXPECT_THAT(table.Ranks(0).value(), ElementsAre(0, 1, 2, 3));
}

TEST(ProcessSetTable, NumbersTheRanksOfASet) {
  ProcessSetTable table(5, 8);
  table.Add(1, {0, 5, 7});
  table.Add(2, {5});
  EXPECT_EQ(table.PlaceIn(1).value().rank, 1);
  EXPECT_EQ(table.PlaceIn(1).value().size, 3);
  EXPECT_EQ(table.PlaceIn(2).value().rank, 0);
  EXPECT_EQ(table.PlaceIn(2).value().size, 1);
  EXPECT_THAT(table.Ranks(1).value(), ElementsAre(0, 5, 7));
}

TEST(ProcessSetTable, SaysWhoIsInASetThatThisRankIsNotIn) {
  ProcessSetTable table(3, 8);
  table.Add(1, {0, 5, 7});
  table.Add(2, {0, 1});
  for (const int process_set : {1, 2}) {
    const Status status = table.PlaceIn(process_set).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("rank 3 is not in process set"));
  }
  EXPECT_THAT(table.PlaceIn(1).status().message(), HasSubstr("[0, 5, 7]"));
  EXPECT_THAT(table.Ranks(1).value(), ElementsAre(0, 5, 7));
}

TEST(ProcessSetTable, SaysWhichSetsThereAreWhenOneIsNot) {
  ProcessSetTable table(0, 2);
  table.Add(1, {0});
  table.Add(2, {0, 1});
  table.Remove(1);
  EXPECT_EQ(table.PlaceIn(1).status().message(),
            "process set 1 has been removed; there are: 0 (all ranks), 2 [0, 1]");
  EXPECT_EQ(table.Ranks(3).status().message(),
            "process set 3 does not exist; there are: 0 (all ranks), 2 [0, 1]");
  EXPECT_EQ(table.PlaceIn(-1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(table.PlaceIn(-1).status().message(), HasSubstr("-1 does not exist"));
}

}  // namespace
}  // namespace ronde
