#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "frontends/session/session.h"
#include "tests/frontends/session/block_sessions.h"

namespace ronde {
namespace {

class SessionJoin : public BlockSessions {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionJoin, testing::Values(1, 2, 3, 4));

// Rank r has r + 1 steps; a step's sum is of those that still have data.
TEST_P(SessionJoin, RanksThatHaveNoMoreDataCountAsZeros) {
  Run([](Session& session) {
    const int size = session.size();
    for (int step = 0; step <= session.rank(); ++step) {
      const auto left = static_cast<float>(size - step);
      std::vector<float> values(100, 1);
      std::vector<float> averaged(100, 1);
      const TensorView view = View(values, {100});
      const TensorView average = View(averaged, {100});
      const Handle sum =
          session.AllreduceAsync(StrCat("s", step), view, view, {.op = ReduceOp::kSum});
      const Handle mean = session.AllreduceAsync(StrCat("a", step), average, average);
      ASSERT_TRUE(sum.Wait().ok()) << sum.Wait().message();
      ASSERT_TRUE(mean.Wait().ok()) << mean.Wait().message();
      EXPECT_EQ(values, std::vector<float>(100, left));
      EXPECT_NEAR(averaged[0], left / static_cast<float>(size), 1e-6);
    }
    const Result<int> last = session.Join();
    ASSERT_TRUE(last.ok()) << last.status().message();
    EXPECT_EQ(last.value(), size - 1);
  });
}

TEST_P(SessionJoin, WhatIsRefusedBesideThemWorksAfterwards) {
  Run([](Session& session) {
    if (session.rank() == 0 && session.size() > 1) {
      std::vector<float> values(1, 1);
      const TensorView view = View(values, {1});
      // Completes once all others have joined.
      ASSERT_TRUE(session.AllreduceAsync("s", view, view, {.op = ReduceOp::kSum}).Wait().ok());
      EXPECT_EQ(session.Allocate(100).status().code(), StatusCode::kInvalidArgument);
      EXPECT_EQ(session.AddProcessSet({0}).status().code(), StatusCode::kInvalidArgument);
      EXPECT_TRUE(session.AgreeOnStatus(Status::Ok()).ok());
    }
    ASSERT_TRUE(session.Join().ok());
    EXPECT_TRUE(session.Allocate(100).ok());
    EXPECT_TRUE(session.AddProcessSet({0}).ok());
    EXPECT_TRUE(session.AgreeOnStatus(Status::Ok()).ok());
  });
}

TEST_P(SessionJoin, RanksThatHaveJoinedGatherNoRowsAndTakeNoPart) {
  Run([](Session& session) {
    const int size = session.size();
    if (session.rank() > 0) {
      std::vector<std::int64_t> mine = {session.rank()};
      const Handle gathered = session.AllgatherAsync("g", View(mine, {1}));
      ASSERT_TRUE(gathered.Wait().ok()) << gathered.Wait().message();
      EXPECT_EQ(gathered.result().gathered_shape, Shape{size - 1});
      EXPECT_EQ(gathered.result().rank_extents[0], 0);
      std::vector<std::int64_t> rows(static_cast<std::size_t>(size), 1);
      std::vector<std::int64_t> row = {-1};
      const Handle scattered = session.ReducescatterAsync("r", View(rows, {size}), View(row, {1}),
                                                          {.op = ReduceOp::kSum});
      EXPECT_TRUE(scattered.Wait().ok()) << scattered.Wait().message();
      EXPECT_EQ(row[0], size - 1);
      EXPECT_TRUE(session.BroadcastAsync("b", View(mine, {1}), size - 1).Wait().ok());
      EXPECT_EQ(mine[0], size - 1);
      EXPECT_TRUE(session.BarrierAsync("all that is left").Wait().ok());
    }
    EXPECT_TRUE(session.Join().ok());
  });
}

TEST_P(SessionJoin, RefusesWhatZerosWouldSpoilAlikeOnTheRanksThatAsk) {
  Run([](Session& session) {
    if (session.rank() > 0) {
      std::vector<float> values = {1};
      const TensorView view = View(values, {1});
      const std::vector<std::int64_t> splits(static_cast<std::size_t>(session.size()), 0);
      const Handle handles[] = {
          session.AllreduceAsync("max", view, view, {.op = ReduceOp::kMax}),
          session.AlltoallAsync("x", View(values, {0}), splits),
          session.BroadcastAsync("b", view, 0),
          session.AverageModelAsync("m", view, {.period = 1}, 1),
      };
      for (const Handle& handle : handles) {
        EXPECT_EQ(handle.Wait().code(), StatusCode::kInvalidArgument) << handle.Wait().message();
        EXPECT_THAT(handle.Wait().message(), testing::HasSubstr("joined"));
      }
    }
    EXPECT_TRUE(session.Join().ok());
  });
}

TEST_P(SessionJoin, MayBeDoneAgain) {
  Run([](Session& session) {
    for (int round = 0; round < 3; ++round) {
      const Handle handle = session.JoinAsync();
      EXPECT_TRUE(handle.Wait().ok());
      EXPECT_GE(handle.result().last_joined, 0);
      EXPECT_LT(handle.result().last_joined, session.size());
      EXPECT_TRUE(session.BarrierAsync().Wait().ok());
    }
  });
}

}  // namespace
}  // namespace ronde
