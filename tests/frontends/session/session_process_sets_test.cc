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

using testing::ElementsAre;
using testing::HasSubstr;

/// Every second rank: 0, 2, ...
std::vector<int> EvenRanks(const Session& session) {
  std::vector<int> ranks;
  for (int rank = 0; rank < session.size(); rank += 2) ranks.push_back(rank);
  return ranks;
}

int Added(Session& session, const std::vector<int>& ranks) {
  const Result<int> added = session.AddProcessSet(ranks);
  EXPECT_TRUE(added.ok()) << added.status().message();
  return added.ok() ? added.value() : -1;
}

class SessionProcessSets : public BlockSessions {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionProcessSets, testing::Values(1, 2, 3, 4));

TEST_P(SessionProcessSets, NumbersSetsAlikeOnAllRanks) {
  Run([](Session& session) {
    const std::vector<int> even = EvenRanks(session);
    EXPECT_EQ(Added(session, even), 1);
    EXPECT_EQ(Added(session, {session.size() - 1}), 2);
    EXPECT_EQ(session.ProcessSetRanks(1).value(), even);
    EXPECT_EQ(session.process_set_size(1), static_cast<int>(even.size()));
    EXPECT_EQ(session.process_set_rank(1), session.rank() % 2 == 0 ? session.rank() / 2 : -1);
    EXPECT_EQ(session.process_set_rank(2), session.rank() == session.size() - 1 ? 0 : -1);
    EXPECT_EQ(session.process_set_rank(kWorld), session.rank());
    EXPECT_EQ(session.process_set_size(kWorld), session.size());
    EXPECT_EQ(session.process_set_size(3), -1);
    EXPECT_EQ(session.process_set_rank(3), -1);
    EXPECT_TRUE(session.RemoveProcessSet(1).ok());
    EXPECT_EQ(Added(session, even), 3);
  });
}

// All operations, each of which counts the ranks of the set and no others.
TEST_P(SessionProcessSets, OperationsConcernItsRanksAlone) {
  Run([](Session& session) {
    const int set = Added(session, EvenRanks(session));
    const int rank = session.process_set_rank(set);
    const int size = session.process_set_size(set);
    if (rank < 0) return;
    const float mean = static_cast<float>(size - 1) / 2;
    std::vector<float> values(6, static_cast<float>(rank));
    const TensorView view = View(values, {6});
    EXPECT_TRUE(session.AllreduceAsync("a", view, view, {.process_set = set}).Wait().ok());
    EXPECT_EQ(values, std::vector<float>(6, mean));

    values.assign(6, static_cast<float>(rank));
    EXPECT_TRUE(session.BroadcastAsync("b", view, size - 1, set).Wait().ok());
    EXPECT_EQ(values, std::vector<float>(6, static_cast<float>(size - 1)));

    std::vector<std::int64_t> mine = {rank};
    const Handle gathered = session.AllgatherAsync("g", View(mine, {1}), set);
    EXPECT_TRUE(gathered.Wait().ok());
    EXPECT_EQ(gathered.result().gathered_shape, Shape{size});
    EXPECT_EQ(gathered.result().rank_extents.size(), static_cast<std::size_t>(size));

    std::vector<std::int64_t> all(static_cast<std::size_t>(size), -1);
    EXPECT_TRUE(
        session.AllgatherAsync("into", View(mine, {1}), View(all, {size}), set).Wait().ok());
    for (int i = 0; i < size; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);

    std::vector<std::int64_t> row = {-1};
    EXPECT_TRUE(session
                    .ReducescatterAsync("r", View(all, {size}), View(row, {1}),
                                        {.op = ReduceOp::kSum, .process_set = set})
                    .Wait()
                    .ok());
    EXPECT_EQ(row[0], size * rank);

    const Handle exchanged = session.AlltoallAsync(
        "x", View(all, {size}), std::vector<std::int64_t>(static_cast<std::size_t>(size), 1), set);
    EXPECT_TRUE(exchanged.Wait().ok());
    EXPECT_EQ(exchanged.result().gathered_shape, Shape{size});

    EXPECT_TRUE(session.BarrierAsync("barrier", set).Wait().ok());
    values.assign(6, static_cast<float>(rank));
    const Handle average = session.AverageModelAsync("m", view, {.period = 2}, 2, set);
    EXPECT_TRUE(average.Wait().ok());
    EXPECT_EQ(values, std::vector<float>(6, mean));
  });
}

TEST_P(SessionProcessSets, OneNameMayBeInFlightInSeveralSets) {
  Run([](Session& session) {
    std::vector<int> all(static_cast<std::size_t>(session.size()));
    for (int rank = 0; rank < session.size(); ++rank) all[static_cast<std::size_t>(rank)] = rank;
    const int set = Added(session, all);
    std::vector<float> one = {1};
    std::vector<float> ten = {10};
    const AllreduceOptions world = {.op = ReduceOp::kSum};
    const AllreduceOptions other = {.op = ReduceOp::kSum, .process_set = set};
    const Handle first = session.AllreduceAsync("t", View(one, {1}), View(one, {1}), world);
    const Handle second = session.AllreduceAsync("t", View(ten, {1}), View(ten, {1}), other);
    EXPECT_TRUE(first.Wait().ok());
    EXPECT_TRUE(second.Wait().ok());
    EXPECT_EQ(one[0], static_cast<float>(session.size()));
    EXPECT_EQ(ten[0], static_cast<float>(10 * session.size()));
  });
}

// Ranks of a set work on while the others are busy elsewhere.
TEST_P(SessionProcessSets, DoNotWaitForOneAnother) {
  Run([](Session& session) {
    const int even = Added(session, EvenRanks(session));
    const int last = Added(session, {session.size() - 1});
    std::vector<float> value = {1};
    const TensorView view = View(value, {1});
    for (int round = 0; round < 20; ++round) {
      for (const int set : {even, last}) {
        if (session.process_set_rank(set) < 0) continue;
        const AllreduceOptions options = {.op = ReduceOp::kSum, .process_set = set};
        value[0] = 1;
        EXPECT_TRUE(session.AllreduceAsync(StrCat("t", round), view, view, options).Wait().ok());
        EXPECT_EQ(value[0], static_cast<float>(session.process_set_size(set)));
      }
    }
  });
}

TEST_P(SessionProcessSets, RefuseOperationsOfRanksThatAreNotInThem) {
  Run([](Session& session) {
    const int set = Added(session, {0});
    std::vector<float> value = {1};
    const TensorView view = View(value, {1});
    const Status status = session.AllreduceAsync("t", view, view, {.process_set = set}).Wait();
    if (session.rank() == 0) {
      EXPECT_TRUE(status.ok()) << status.message();
    } else {
      EXPECT_EQ(status, Status::InvalidArgument(
                            StrCat("tensor 't': rank ", session.rank(),
                                   " is not in process set 1, whose ranks are [0]; only they "
                                   "submit to it")));
    }
    for (const Handle& handle :
         {session.BroadcastAsync("t", view, 0, 9), session.AllgatherAsync("t", view, 9),
          session.AllgatherAsync("t", view, view, 9),
          session.ReducescatterAsync("t", view, view, {.process_set = 9}),
          session.AlltoallAsync("t", view, {1}, 9), session.BarrierAsync("t", 9),
          session.AverageModelAsync("t", view, {.period = 2}, 1, 9),
          session.GroupedAllreduceAsync("t", {view}, {view}, {.process_set = 9}),
          session.GroupedAllgatherAsync("t", {view}, 9).at(0)}) {
      EXPECT_EQ(handle.Wait().code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(handle.Wait().message(), HasSubstr("process set 9 does not exist"));
    }
  });
}

TEST_P(SessionProcessSets, ThatCannotBeAreTheSameErrorOnAllRanks) {
  Run([](Session& session) {
    const auto expect = [&](const std::vector<int>& ranks, const std::string& part) {
      const Status status = session.AddProcessSet(ranks).status();
      ExpectEverywhere(session, status, StatusCode::kInvalidArgument, part);
    };
    expect({}, "");
    expect({session.size()}, StrCat(session.size()));
    expect({-1}, "-1");
    expect({0, 0}, "0");
    ExpectEverywhere(session, session.RemoveProcessSet(7), StatusCode::kInvalidArgument, "7");
    ExpectEverywhere(session, session.RemoveProcessSet(kWorld), StatusCode::kInvalidArgument, "0");
    if (session.size() > 1) {
      const Status status = session.AddProcessSet({session.rank() == 0 ? 0 : 1}).status();
      ExpectEverywhere(session, status, StatusCode::kMismatch, "");
    }
    EXPECT_EQ(Added(session, {0}), 1);
  });
}

TEST_P(SessionProcessSets, AreGoneOnceRemoved) {
  Run([](Session& session) {
    const int set = Added(session, {0});
    EXPECT_TRUE(session.RemoveProcessSet(set).ok());
    EXPECT_EQ(session.process_set_size(set), -1);
    const Status status = session.BarrierAsync("t", set).Wait();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("process set 1 has been removed"));
  });
}

TEST(SessionStaticProcessSets, ExistFromTheStart) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kProcessSets, "0-1;1,2", SettingOrigin::kFlag).ok());
  RunSessions(
      3,
      [](Session& session) {
        EXPECT_THAT(session.ProcessSetRanks(1).value(), ElementsAre(0, 1));
        EXPECT_THAT(session.ProcessSetRanks(2).value(), ElementsAre(1, 2));
        std::vector<float> value = {1};
        const TensorView view = View(value, {1});
        for (const int set : {1, 2}) {
          if (session.process_set_rank(set) < 0) continue;
          value[0] = 1;
          const AllreduceOptions options = {.op = ReduceOp::kSum, .process_set = set};
          EXPECT_TRUE(session.AllreduceAsync("t", view, view, options).Wait().ok());
          EXPECT_EQ(value[0], 2);
        }
        EXPECT_EQ(Added(session, {0}), 3);
      },
      config);
}

TEST(SessionStaticProcessSets, ThatAreWrongAreTheSameErrorOnAllRanks) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kProcessSets, "0-1;2-3", SettingOrigin::kFlag).ok());
  RunRanksOwning(3, [&](std::unique_ptr<Transport> transport) {
    const Status status = Session::CreateOn(std::move(transport), config).status();
    EXPECT_EQ(status, Status::InvalidArgument(
                          "--process-sets: set 2 of '0-1;2-3': rank 3 does not exist; ranks are 0 "
                          "to 2; expected sets like 0-3;4-7;0,4"));
  });
}

}  // namespace
}  // namespace ronde
