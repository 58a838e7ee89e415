#include <atomic>
#include <barrier>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "core/control/engine.h"
#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

using Change = std::function<void(Request&)>;

/// All ranks but `odd_rank` submit `request`; returns what every rank's handle says. A later
/// operation has to work.
std::vector<Status> Disagree(int size, int odd_rank, const Request& request, const Change& change) {
  std::vector<Status> statuses(size);
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<float> values(4);
    Request mine = request;
    if (transport.rank() == odd_rank) change(mine);
    statuses[transport.rank()] = rank.Submit(mine, values).Wait();
    rank.ExpectWorks("later", size);
    rank.ExpectWorks(request.name, size);
    EXPECT_TRUE(rank.engine.status().ok());
  });
  return statuses;
}

TEST(EngineMismatch, IsTheSameErrorOnAllRanksAndTheJobGoesOn) {
  Request request;
  request.name = "conv1.weight";
  request.shape = {2, 2};
  Request gather = request;
  gather.kind = OperationKind::kAllgather;
  Request scatter = request;
  scatter.kind = OperationKind::kReducescatter;
  Request into = gather;
  into.into_output = true;
  Request average = request;
  average.kind = OperationKind::kModelAverage;
  average.window = {.period = 2, .origin = 0, .step = 2};
  const std::vector<std::pair<Request, Change>> cases = {
      {request, [](Request& r) { r.kind = OperationKind::kBroadcast; }},
      {request, [](Request& r) { r.dtype = DataType::kInt32; }},
      {request, [](Request& r) { r.shape = {4}; }},
      {request, [](Request& r) { r.op = ReduceOp::kMin; }},
      {request, [](Request& r) { r.root = 1; }},
      {request, [](Request& r) { r.prescale = 2; }},
      {request, [](Request& r) { r.postscale = 2; }},
      {gather,
       [](Request& r) {
         r.shape = {2, 3};
       }},
      {scatter, [](Request& r) { r.kind = OperationKind::kAllreduce; }},
      {scatter, [](Request& r) { r.op = ReduceOp::kMax; }},
      {into,
       [](Request& r) {
         r.shape = {3, 2};
       }},
      {average, [](Request& r) { r.window.step = 4; }},
  };
  for (const auto& [base, change] : cases) {
    for (const int size : {2, 3}) {
      const std::vector<Status> statuses = Disagree(size, size - 1, base, change);
      ExpectSameOnAllRanks(statuses);
      EXPECT_EQ(statuses[0].code(), StatusCode::kMismatch);
      EXPECT_NE(statuses[0].message().find("conv1.weight"), std::string::npos);
    }
  }
}

TEST(EngineMismatch, ARootThatDoesNotExistIsTheSameErrorOnAllRanks) {
  Request request;
  request.kind = OperationKind::kBroadcast;
  request.name = "w";
  request.root = 3;
  const std::vector<Status> statuses = Disagree(3, 0, request, [](Request&) {});
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0],
            Status::InvalidArgument("tensor 'w': root 3 does not exist; ranks are 0 to 2"));
}

TEST(EngineMismatch, IsAnErrorOnOneRankAsWell) {
  Request request;
  request.kind = OperationKind::kBroadcast;
  request.name = "w";
  request.root = 1;
  EXPECT_EQ(Disagree(1, 0, request, [](Request&) {})[0].code(), StatusCode::kInvalidArgument);
}

class EngineAbort : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineAbort, testing::Values(1, 2, 3, 4));

TEST_P(EngineAbort, ReachesAllRanksWithItsMessage) {
  const int size = GetParam();
  const int culprit = size - 1;
  std::vector<Status> statuses(size);
  std::barrier started(size);
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    rank.ExpectWorks("start", size);
    started.arrive_and_wait();
    std::vector<float> values = {1};
    Handle pending = Handle::Completed(Status::Ok());
    if (transport.rank() == culprit) {
      rank.engine.Abort(Status::Internal("cannot open 'x'"));
      (void)rank.engine.Shutdown();
    } else {
      pending = rank.Sum("w", values);
      EXPECT_EQ(pending.Wait().code(), StatusCode::kAborted);
    }
    statuses[transport.rank()] = rank.engine.Shutdown();
    EXPECT_EQ(rank.engine.status(), statuses[transport.rank()]);
    EXPECT_EQ(rank.Sum("later", values).Wait(), statuses[transport.rank()]);
    EXPECT_EQ(rank.engine.Shutdown(), statuses[transport.rank()]);
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0], Status::Aborted(StrCat("rank ", culprit, ": cannot open 'x'")));
}

TEST_P(EngineAbort, OfAllRanksAtOnceLeavesOneCause) {
  const int size = GetParam();
  std::vector<Status> statuses(size);
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<float> values = {1};
    const Handle handle = rank.Sum("w", values);
    rank.engine.Abort(Status::Internal(StrCat("boom ", transport.rank())));
    rank.engine.Abort(Status::Internal("second"));
    statuses[transport.rank()] = rank.engine.Shutdown();
    EXPECT_TRUE(handle.Poll());
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0].message().rfind("rank ", 0), 0u);
  EXPECT_EQ(statuses[0].message().find("second"), std::string::npos);
}

TEST_P(EngineAbort, KeepsTheRankThatAMessageNames) {
  const int size = GetParam();
  std::barrier started(size);
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    rank.ExpectWorks("start", size);
    started.arrive_and_wait();
    if (transport.rank() == 0) rank.engine.Abort(Status::Aborted("rank 7: from afar"));
    std::vector<float> values = {1};
    if (transport.rank() != 0) {
      EXPECT_EQ(rank.Sum("w", values).Wait(), Status::Aborted("rank 7: from afar"));
    }
    EXPECT_EQ(rank.engine.Shutdown(), Status::Aborted("rank 7: from afar"));
  });
}

TEST_P(EngineAbort, AFailingExecutorEndsTheJobForEveryone) {
  const int size = GetParam();
  std::vector<Status> statuses(size);
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    if (transport.rank() == size - 1) {
      rank.executor.set_before(
          [](const auto&) { return Status::Internal("rank 0 sent nonsense"); });
    }
    std::vector<float> values = {1};
    std::vector<float> others = {1};
    const Handle executing = rank.Sum("w", values);
    const Handle waiting = rank.Sum(StrCat("only on ", transport.rank()), others);
    statuses[transport.rank()] = executing.Wait();
    EXPECT_FALSE(waiting.Wait().ok());
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0], Status::Aborted(StrCat("rank ", size - 1, ": rank 0 sent nonsense")));
}

TEST(EngineAbortWhileExecuting, TellsItsOwnCauseOnceTheExecutorGivesUp) {
  // Rank 0's engine thread waits inside Execute for rank 1, which never sends.
  std::vector<Status> statuses(2);
  RunRanks(2, [&](Transport& transport) {
    EngineRank rank(transport);
    std::atomic<bool> entered{false};
    std::atomic<bool> aborted{false};
    if (transport.rank() == 1) {
      rank.executor.set_before([&](const auto&) {
        entered = true;
        entered.notify_all();
        aborted.wait(false);
        return Status::Timeout("gave up the collective");
      });
    }
    std::vector<float> values = {1};
    const Handle handle = rank.Sum("w", values);
    if (transport.rank() == 1) {
      entered.wait(false);
      rank.engine.Abort(Status::Internal("thrown in main"));
      aborted = true;
      aborted.notify_all();
    }
    statuses[transport.rank()] = handle.Wait();
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0], Status::Aborted("rank 1: thrown in main"));
}

// A signal's handler aborts and shuts down; what the program submits meanwhile fails of that.
TEST(EngineAbortWhileExecuting, IsWhyAnOperationAfterShutdownIsRefused) {
  RunRanks(2, [&](Transport& transport) {
    EngineRank rank(transport);
    std::latch entered(1);
    std::latch done(1);
    if (transport.rank() == 1) {
      rank.executor.set_before([&](const auto&) {
        entered.count_down();
        done.wait();
        return Status::Timeout("gave up the collective");
      });
    }
    std::vector<float> values = {1};
    const Handle handle = rank.Sum("w", values);
    if (transport.rank() == 1) {
      entered.wait();
      rank.engine.Abort(Status::Aborted("ended by SIGTERM"));
      const std::jthread ending([&] { (void)rank.engine.Shutdown(); });
      std::vector<std::vector<float>> more(1, {1});
      Handle later = rank.Sum("late 0", more.back());
      const Deadline patience = Deadline::After(20);
      for (int i = 1; !later.Poll() && !patience.Expired(); ++i) {
        std::this_thread::yield();
        more.push_back({1});
        later = rank.Sum(StrCat("late ", i), more.back());
      }
      EXPECT_EQ(later.Poll() ? later.Wait() : Status::Ok(),
                Status::Aborted("rank 1: ended by SIGTERM"));
      done.count_down();
    }
    EXPECT_FALSE(handle.Wait().ok());
  });
}

TEST(EngineAbortWhileExecuting, AnExecutorThatTimesOutEndsTheJob) {
  std::vector<Status> statuses(2);
  RunRanks(2, [&](Transport& transport) {
    EngineRank rank(transport);
    if (transport.rank() == 0) {
      rank.executor.set_before([&](const auto&) {
        std::byte byte{};
        return transport.Receive(1, 9, std::span(&byte, 1), Deadline::After(0.05));
      });
    }
    std::vector<float> values = {1};
    statuses[transport.rank()] = rank.Sum("w", values).Wait();
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0].message().rfind("rank 0: ", 0), 0u) << statuses[0].ToString();
}

TEST(EngineAbortWhileExecuting, AnExecutorThatForgetsAHandleIsADefect) {
  RunRanks(1, [&](Transport& transport) {
    class Forgetful final : public Executor {
      Status Execute(std::span<ReadyOperation>) override { return Status::Ok(); }
    } executor;
    const SteadyClock clock;
    Engine engine(transport, executor, Config(), clock);
    Request request;
    request.name = "w";
    EXPECT_EQ(engine.Enqueue(request, {}, {}).Wait().code(), StatusCode::kAborted);
  });
}

TEST(EngineGarbage, OnTheControlPlaneEndsTheJob) {
  std::vector<Status> statuses(2);
  RunRanks(2, [&](Transport& transport) {
    if (transport.rank() == 1) {
      ASSERT_TRUE(transport.Post(0, std::vector<std::byte>(40, std::byte{3})).ok());
      while (transport.WaitForRing(Deadline::Never()).ok()) {
      }
      statuses[1] = transport.CheckLiveness();
      return;
    }
    EngineRank rank(transport);
    std::vector<float> values = {1};
    statuses[0] = rank.Sum("w", values).Wait();
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_NE(statuses[0].message().find("corrupt control message"), std::string::npos);
}

TEST(EngineStall, EndsTheJobAtTheLimit) {
  std::vector<Status> statuses(3);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport, {{Setting::kStallShutdownS, "0.05"}});
    std::vector<float> values = {1};
    Handle never = rank.Sum(transport.rank() == 1 ? "v" : "w", values);
    statuses[transport.rank()] = never.Wait();
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_EQ(statuses[0].message().rfind("rank 0: stalled: tensor '", 0), 0u);
}

}  // namespace
}  // namespace ronde
