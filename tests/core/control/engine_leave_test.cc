// What ranks that join had asked for before, by a slot of the response cache or in a group.

#include <gtest/gtest.h>

#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;

/// Returns once rank 0 has heard that all but `present` ranks have joined.
void AwaitJoined(EngineRank& rank, int present) { rank.ExpectWorks("probe", present); }

TEST(EngineLeaving, WhatIsAskedForInAnotherWayAfterwardsIsAMismatchForAll) {
  std::vector<Status> statuses(3);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport);
    rank.ExpectWorks("w", 3);
    const int me = transport.rank();
    Floats values(me == 1 ? 1 : 2, 1.0F);
    if (me == 1) {
      const Handle sum = rank.Sum("w", values);
      const Handle join = rank.Join();
      statuses[me] = sum.Wait();
      EXPECT_TRUE(join.Wait().ok());
      return;
    }
    AwaitJoined(rank, 2);
    statuses[me] = rank.Sum("w", values).Wait();
    EXPECT_TRUE(rank.Join().Wait().ok());
  });
  for (const Status& status : statuses) {
    EXPECT_EQ(status.code(), StatusCode::kMismatch) << status.ToString();
  }
  ExpectSameOnAllRanks(statuses);
}

TEST(EngineLeaving, WhatTheyAskedForBySlotSurvivesTheSlot) {
  RunRanks(3, [](Transport& transport) {
    EngineRank rank(transport, {{Setting::kResponseCacheCapacity, "1"}});
    const int set = rank.AddSet({0, 2});
    rank.ExpectWorks("w", 3);
    Floats values = {1};
    if (transport.rank() == 1) {
      const Handle sum = rank.Sum("w", values);
      const Handle join = rank.Join();
      const Status status = sum.Wait();
      EXPECT_TRUE(status.ok()) << status.ToString();
      EXPECT_TRUE(join.Wait().ok());
    } else {
      AwaitJoined(rank, 2);
      // Another name takes the only slot.
      Floats other = {1};
      EXPECT_TRUE(rank.SumIn(set, "other", other).Wait().ok());
      EXPECT_TRUE(rank.Sum("w", values).Wait().ok());
      EXPECT_TRUE(rank.Join().Wait().ok());
    }
    EXPECT_EQ(values[0], 3) << "rank " << transport.rank();
  });
}

TEST(EngineLeaving, AnEvictionThatCrossesALeaveLosesNothing) {
  // Rank 1 asks by slot and leaves at once, while rank 0 makes everyone ask in full: which of them
  // is first differs from round to round, what comes of it does not.
  for (int round = 0; round < 100; ++round) {
    const bool joins = round % 2 == 0;
    std::vector<Status> statuses(3);
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport, {{Setting::kLockAfter, "0"}});
      rank.ExpectWorks("w", 3);
      rank.ExpectWorks("start", 3);
      const int me = transport.rank();
      Floats values(me == 0 ? 2 : 1, 1.0F);
      const Handle sum = rank.Sum("w", values);
      if (me == 1) {
        if (joins) {
          EXPECT_TRUE(rank.Join().Wait().ok());
        } else {
          EXPECT_TRUE(rank.engine.Shutdown().ok());
        }
      }
      statuses[me] = sum.Wait();
      if (joins && me != 1) {
        EXPECT_TRUE(rank.Join().Wait().ok());
      }
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
    ASSERT_EQ(statuses[1].code(), StatusCode::kMismatch) << statuses[1].ToString();
    ExpectSameOnAllRanks(statuses);
  }
}

TEST(EngineLeaving, WhatWasKeptOfALeaverIsNotAskedForAgain) {
  // Rank 0 evicts what rank 1 has asked for by slot, and ends its join in the same list.
  for (int round = 0; round < 20; ++round) {
    std::vector<Status> statuses(2);
    RunRanks(2, [&](Transport& transport) {
      EngineRank rank(transport, {{Setting::kLockAfter, "0"}, {Setting::kCycleTimeMs, "5"}});
      rank.ExpectWorks("w", 2);
      const int me = transport.rank();
      if (me == 0) AwaitJoined(rank, 1);
      Floats values(me == 0 ? 2 : 1, 1.0F);
      const Handle sum = rank.Sum("w", values);
      const Handle join = rank.Join();
      statuses[me] = sum.Wait();
      EXPECT_TRUE(join.Wait().ok());
      rank.ExpectWorks("w", 2);
      const Status end = rank.engine.Shutdown();
      EXPECT_TRUE(end.ok()) << end.ToString();
    });
    ASSERT_EQ(statuses[0].code(), StatusCode::kMismatch) << statuses[0].ToString();
    ExpectSameOnAllRanks(statuses);
  }
}

TEST(EngineLeaving, ALeaveThatCrossesTheBeginningOfALockLosesNothing) {
  // Rank 1 asks for what is locked at about that time, and leaves at once.
  for (int round = 0; round < 60; ++round) {
    const bool joins = round % 2 == 0;
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport, {{Setting::kLockAfter, "2"}});
      for (int step = 0; step < 1 + round % 5; ++step) rank.ExpectWorks("w", 3);
      Floats last = {1};
      const Handle sum = rank.Sum("w", last);
      Handle join(nullptr);
      if (joins) join = rank.Join();
      if (!joins && transport.rank() == 1) {
        EXPECT_TRUE(rank.engine.Shutdown().ok());
      }
      const Status status = sum.Wait();
      EXPECT_TRUE(status.ok()) << "round " << round << ": " << status.ToString();
      EXPECT_EQ(last[0], 3) << "round " << round;
      if (joins) {
        EXPECT_TRUE(join.Wait().ok());
        rank.ExpectWorks("w", 3);
      }
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }
}

TEST(EngineLeaving, AGroupThatNobodyCompletesEndsWithTheJoin) {
  std::vector<Status> statuses(2);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport);
    const int me = transport.rank();
    Floats values = {1};
    Handle member(nullptr);
    if (me != 2) member = rank.SumInGroup("g", 2, "a", values);
    EXPECT_TRUE(rank.Join().Wait().ok());
    if (me != 2) statuses[me] = member.Wait();
    // The name is free, and so is the group's.
    Floats again = {1};
    const Handle a = rank.SumInGroup("g", 2, "a", again);
    rank.ExpectWorks("between", 3);
    Floats b = {1};
    EXPECT_TRUE(rank.SumInGroup("g", 2, "b", b).Wait().ok());
    EXPECT_TRUE(a.Wait().ok());
    EXPECT_EQ(again[0], 3);
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
  EXPECT_EQ(statuses[0],
            Status::InvalidArgument("tensor 'a': its group 'g' failed: all ranks have joined, and "
                                    "only 1 of its 2 operations were submitted; submit all of a "
                                    "group before joining"));
  ExpectSameOnAllRanks(statuses);
}

}  // namespace
}  // namespace ronde
