// The tree of ranks along which cached operations are agreed on, through the engine.
#include <chrono>
#include <latch>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "tests/core/control/counting_transport.h"
#include "tests/core/control/engine_fixture.h"
#include "tests/core/control/recording_observer.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;
using Counts = std::pair<std::size_t, std::size_t>;  // answered from the cache, and in full

EngineSettings Unlocked(EngineSettings more = {}) {
  more.emplace_back(Setting::kLockAfter, "0");
  return more;
}

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class EngineTree : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineTree,
                         testing::Values(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17));

TEST_P(EngineTree, RandomOrdersOfCachedOperationsAreAgreed) {
  constexpr int kNames = 5;
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport, Unlocked());
    const int odd = rank.AddSet([&] {
      std::vector<std::int64_t> members = {0};
      for (int r = 1; r < size; r += 2) members.push_back(r);
      return members;
    }());
    const bool is_odd = transport.rank() == 0 || transport.rank() % 2 == 1;
    const auto count = static_cast<float>(1 + size / 2);
    std::mt19937 random(static_cast<unsigned>(transport.rank()));
    std::vector<int> order(kNames);
    std::iota(order.begin(), order.end(), 0);
    for (int step = 0; step < 25; ++step) {
      std::shuffle(order.begin(), order.end(), random);
      std::vector<Floats> values(kNames, Floats{1});
      std::vector<Handle> handles;
      for (const int i : order) {
        // One of them is of the odd ranks and rank 0.
        if (i == 0 && !is_odd) continue;
        handles.push_back(rank.SumIn(i == 0 ? odd : kWorld, StrCat("t", i), values[i]));
      }
      for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok());
      for (int i = 1; i < kNames; ++i) ASSERT_EQ(values[i][0], static_cast<float>(size));
      ASSERT_EQ(values[0][0], is_odd ? count : 1);
    }
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST(EngineTreeCost, NoRankPostsMoreThanThreeMessagesForACachedOperation) {
  constexpr int kRanks = 64;
  constexpr int kSteps = 20;
  std::latch counted(kRanks);
  RunRanks(kRanks, [&](Transport& transport) {
    CountingTransport counting(transport);
    RecordingObserver observer;
    EngineRank rank(counting, Unlocked({{Setting::kStallWarningS, "0"}}), &observer);
    const auto step = [&] {
      const Handle handle = rank.Submit(RequestFor(OperationKind::kBarrier, "step"));
      ASSERT_TRUE(handle.Wait().ok());
    };
    for (int i = 0; i < 3; ++i) step();
    (void)observer.TakeCounts();
    const int before = counting.posts();
    for (int i = 0; i < kSteps; ++i) step();
    EXPECT_EQ(observer.TakeCounts(), Counts(kSteps, 0));
    // A list is passed on before it is executed: nothing of the steps before is on its way.
    const int per_step = transport.rank() == 0 ? 2 : 3;
    EXPECT_LE(counting.posts() - before, per_step * kSteps) << "rank " << transport.rank();
    counted.arrive_and_wait();  // before there is news of ranks that shut down
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST(EngineTreeStall, WhoHasAskedAndWhoHasNotIsTold) {
  // Ranks 3 and 8 of 9 do not ask for what is cached: rank 0 hears of the others through the tree,
  // and the stall inspector ends the job in these words.
  std::vector<std::string> messages(7);
  std::latch ended(7);
  RunRanks(9, [&](Transport& transport) {
    EngineRank rank(
        transport, Unlocked({{Setting::kStallWarningS, "0.1"}, {Setting::kStallShutdownS, "0.4"}}));
    for (int step = 0; step < 2; ++step) rank.ExpectWorks("w", 9);
    const int me = transport.rank();
    if (me == 3 || me == 8) return ended.wait();
    Floats values = {1};
    messages[me - (me > 3 ? 1 : 0)] = rank.Sum("w", values).Wait().message();
    ended.count_down();
  });
  const std::string& text = messages[0];
  EXPECT_NE(text.find("tensor 'w' was submitted by ranks 0-2, 4-7 "), std::string::npos) << text;
  EXPECT_NE(text.find("but not by ranks 3, 8"), std::string::npos) << text;
  for (const std::string& message : messages) EXPECT_EQ(message, text);
}

TEST(EngineTreeStall, ARankThatIsLateByMoreThanThePatienceLosesNothing) {
  std::latch others(8);
  RunRanks(9, [&](Transport& transport) {
    // An eighth of the warning is the patience: 10 ms.
    EngineRank rank(transport, Unlocked({{Setting::kStallWarningS, "0.08"}}));
    for (int round = 0; round < 3; ++round) {
      for (int step = 0; step < 2; ++step) rank.ExpectWorks("w", 9);
      if (transport.rank() == 4 && round == 1) {
        Handle never;
        others.wait();
        (void)never.WaitUntil(Deadline::After(0.1));
      }
      Floats values = {1};
      const Handle handle = rank.Sum("w", values);
      if (round == 1 && transport.rank() != 4) others.count_down();
      EXPECT_TRUE(handle.Wait().ok());
      EXPECT_EQ(values[0], 9);
    }
  });
}

TEST(EngineTreeShutdown, OfARankInTheMiddleEndsWhatOthersWaitForPromptly) {
  std::latch waiting(6);
  RunRanks(7, [&](Transport& transport) {
    EngineRank rank(transport, Unlocked());
    for (int step = 0; step < 3; ++step) rank.ExpectWorks("w", 7);
    if (transport.rank() == 1) {
      waiting.wait();
      (void)Handle().WaitUntil(Deadline::After(0.05));  // their asking comes first, if it can
      return;
    }
    Floats values = {1};
    const auto begin = std::chrono::steady_clock::now();
    const Handle handle = rank.Sum("w", values);
    waiting.count_down();
    EXPECT_EQ(handle.Wait(), Status::Shutdown("tensor 'w' needs rank 1, which has shut down "
                                              "without submitting it"));
    EXPECT_LT(SecondsSince(begin), 0.7) << "it waited for the patience of the tree";
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST(EngineTreeShutdown, WhatARankHadAskedForBySlotIsDoneFirst) {
  for (const int leaver : {0, 1, 3, 4}) {
    RunRanks(5, [&](Transport& transport) {
      EngineRank rank(transport, Unlocked());
      for (int step = 0; step < 2; ++step) rank.ExpectWorks("w", 5);
      Floats values = {1};
      const Handle handle = rank.Sum("w", values);
      if (transport.rank() == leaver) {
        EXPECT_TRUE(rank.engine.Shutdown().ok());
      }
      EXPECT_TRUE(handle.Wait().ok()) << handle.Wait().ToString();
      EXPECT_EQ(values[0], 5);
    });
  }
}

TEST(EngineTreeShutdown, ALeaverWhoseSlotIsEvictedStillGetsItsAnswer) {
  for (const bool changes : {false, true}) {
    std::vector<Status> statuses(3);
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport, Unlocked({{Setting::kResponseCacheCapacity, "1"}}));
      const int set = rank.AddSet({0, 2});
      for (int step = 0; step < 2; ++step) rank.ExpectWorks("w", 3);
      const int me = transport.rank();
      Floats values(changes && me == 0 ? 2 : 1, 1.0F);
      if (me == 1) {
        const Handle handle = rank.Sum("w", values);
        EXPECT_TRUE(rank.engine.Shutdown().ok());
        statuses[me] = handle.Wait();
        return;
      }
      // Returns once rank 0 knows that rank 1 has left.
      Floats other = {1};
      EXPECT_EQ(rank.Sum("probe", other).Wait().code(), StatusCode::kShutdown);
      // Takes the only slot, without rank 1.
      EXPECT_TRUE(rank.SumIn(set, "other", other).Wait().ok());
      statuses[me] = rank.Sum("w", values).Wait();
      EXPECT_TRUE(rank.engine.Shutdown().ok()) << rank.engine.status().ToString();
    });
    const StatusCode expected = changes ? StatusCode::kMismatch : StatusCode::kOk;
    for (const Status& status : statuses) EXPECT_EQ(status.code(), expected) << status.ToString();
    ExpectSameOnAllRanks(statuses);
  }
}

}  // namespace
}  // namespace ronde
