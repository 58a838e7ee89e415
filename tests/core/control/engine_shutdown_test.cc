#include <atomic>
#include <latch>

#include <gtest/gtest.h>

#include "core/control/engine.h"
#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

class EngineShutdownOfOthers : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineShutdownOfOthers, testing::Values(2, 3, 4, 8));

class EngineShutdown : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineShutdown, testing::Values(1, 2, 3, 4, 8));

TEST_P(EngineShutdown, ExecutesPendingWorkFirst) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<std::vector<float>> values(20, std::vector<float>{1});
    std::vector<Handle> handles;
    for (std::size_t i = 0; i < values.size(); ++i) {
      handles.push_back(rank.Sum(StrCat("t", i), values[i]));
    }
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_TRUE(handles[i].Poll());
      EXPECT_TRUE(handles[i].Wait().ok());
      EXPECT_EQ(values[i][0], static_cast<float>(size));
    }
  });
}

TEST_P(EngineShutdown, IsIdempotentAndThreadSafe) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { EXPECT_TRUE(rank.engine.Shutdown().ok()); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    std::vector<float> values = {1};
    EXPECT_EQ(rank.Sum("late", values).Wait().code(), StatusCode::kShutdown);
    rank.engine.Abort(Status::Internal("too late to matter"));
    EXPECT_TRUE(rank.engine.status().ok());
  });
}

TEST_P(EngineShutdown, OfAnEngineThatDidNothingIsClean) {
  RunRanks(GetParam(), [](Transport& transport) { const EngineRank rank(transport); });
}

TEST_P(EngineShutdown, MayBeAskedForInACallback) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<float> values = {1};
    rank.Sum("last", values).OnComplete([&](const Status&) {
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST_P(EngineShutdownOfOthers, ATensorThatARankNeverSubmitsFailsNamingThatRank) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    rank.ExpectWorks("start", size);
    if (transport.rank() == size - 1) return;  // the destructor shuts down
    std::vector<float> values = {1};
    EXPECT_EQ(rank.Sum("w", values).Wait(),
              Status::Shutdown(StrCat("tensor 'w' needs rank ", size - 1,
                                      ", which has shut down without submitting it")));
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST_P(EngineShutdownOfOthers, TheCoordinatorFailsWhatOthersStillWant) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    if (transport.rank() == 0) return;
    for (int i = 0; i < 20; ++i) {
      std::vector<float> values = {1};
      const Status status = rank.Sum(StrCat("w", i % 2), values).Wait();
      EXPECT_EQ(status.code(), StatusCode::kShutdown);
      EXPECT_NE(status.message().find("rank 0"), std::string::npos);
    }
  });
}

TEST(EngineShutdownTimeout, ARankLeavesWithoutACoordinatorThatDoesNotAnswer) {
  std::latch first_left(1);
  RunRanks(2, [&](Transport& transport) {
    EngineRank rank(transport, {{Setting::kTimeoutS, "0.1"}});
    rank.ExpectWorks("start", 2);
    if (transport.rank() == 1) {
      const Status status = rank.engine.Shutdown();
      EXPECT_EQ(status.code(), StatusCode::kTimeout);
      EXPECT_EQ(status.message(),
                "rank 1: shut down without rank 0, which gave no sign of "
                "progress for --timeout-s 0.1");
      first_left.count_down();
    } else {
      first_left.wait();
      // Nothing was pending on rank 1: the job is not harmed.
      std::vector<float> values = {1};
      EXPECT_EQ(rank.Sum("w", values).Wait().code(), StatusCode::kShutdown);
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    }
  });
}

TEST(EngineShutdownTimeout, ARankThatLeavesWorkBehindEndsTheJob) {
  std::latch first_left(1);
  RunRanks(2, [&](Transport& transport) {
    EngineRank rank(transport, {{Setting::kTimeoutS, "0.1"}});
    rank.ExpectWorks("start", 2);
    std::vector<float> values = {1};
    if (transport.rank() == 1) {
      const Handle handle = rank.Sum("w", values);
      const Status status = rank.engine.Shutdown();
      EXPECT_EQ(status.code(), StatusCode::kTimeout);
      EXPECT_EQ(handle.Wait(), status);
      first_left.count_down();
    } else {
      first_left.wait();
      EXPECT_EQ(rank.Sum("w", values).Wait().code(), StatusCode::kAborted);
    }
  });
}

TEST(EngineShutdownTimeout, TheCoordinatorDismissesEveryoneWhenItLeaves) {
  std::latch coordinator_left(1);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport, {{Setting::kTimeoutS, "0.1"}});
    rank.ExpectWorks("start", 3);
    std::vector<float> values = {1};
    if (transport.rank() == 0) {
      const Status status = rank.engine.Shutdown();
      EXPECT_EQ(status.message(),
                "rank 0: shut down without rank 1, rank 2, which gave no sign "
                "of progress for --timeout-s 0.1");
      coordinator_left.count_down();
    } else {
      coordinator_left.wait();
      EXPECT_EQ(rank.Sum("w", values).Wait().code(), StatusCode::kShutdown);
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    }
  });
}

TEST(EngineShutdownTimeout, WorkThatGoesOnKeepsAShuttingRankWaiting) {
  RunRanks(2, [&](Transport& transport) {
    EngineRank rank(transport, {{Setting::kTimeoutS, "1"}});
    rank.ExpectWorks("start", 2);
    if (transport.rank() == 0) {
      Handle never;  // longer than the timeout in all, never at once
      for (int i = 0; i < 5; ++i) {
        std::vector<float> values = {1};
        (void)never.WaitUntil(Deadline::After(0.25));
        EXPECT_EQ(rank.Sum("w", values).Wait().code(), StatusCode::kShutdown);
      }
    }
    const Status status = rank.engine.Shutdown();
    EXPECT_TRUE(status.ok()) << status.ToString();
  });
}

}  // namespace
}  // namespace ronde
