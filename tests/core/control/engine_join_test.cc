// Ranks that have no more data while others go on.
#include <chrono>
#include <latch>

#include <gtest/gtest.h>

#include "tests/core/control/engine_fixture.h"
#include "tests/core/control/recording_observer.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;

class EngineJoin : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineJoin, testing::Values(1, 2, 3, 4, 8));

TEST_P(EngineJoin, UnevenDataIsSummedAndEveryoneLearnsWhoCameLast) {
  const int size = GetParam();
  for (int last = 0; last < size; ++last) {
    RunRanks(size, [&](Transport& transport) {
      EngineRank rank(transport);
      // Rank `last` has the most batches, the others rank after rank fewer.
      const int mine = size - (transport.rank() - last + size) % size;
      for (int step = 0; step < mine; ++step) {
        Floats sum = {1};
        Request average = RequestFor(OperationKind::kAllreduce, "average", 2);
        average.op = ReduceOp::kAverage;
        Floats mean = {2, 4};
        const Handle handle = rank.Submit(average, mean);
        ASSERT_TRUE(rank.Sum("sum", sum).Wait().ok());
        ASSERT_TRUE(handle.Wait().ok());
        const auto present = static_cast<float>(size - step);
        EXPECT_EQ(sum[0], present) << "step " << step;
        EXPECT_FLOAT_EQ(mean[1], 4 * present / static_cast<float>(size));
      }
      const Handle join = rank.Join();
      const Status status = join.Wait();
      ASSERT_TRUE(status.ok()) << status.ToString();
      // Ranks with one batch less come before; who has the most is the last.
      EXPECT_EQ(join.result().last_joined, last);
      rank.ExpectWorks("sum", size);
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }
}

TEST_P(EngineJoin, CanBeRepeated) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    for (int epoch = 0; epoch < 20; ++epoch) {
      rank.ExpectWorks("w", size);
      const Handle join = rank.Join();
      EXPECT_TRUE(join.Wait().ok());
      EXPECT_GE(join.result().last_joined, 0);
      EXPECT_LT(join.result().last_joined, size);
    }
  });
}

/// Rank 1 of 3 joins; the others run `operation` and expect what CheckJoined says, in the same
/// words.
void ExpectWithoutRankOne(const std::function<Status(EngineRank&, int)>& operation,
                          StatusCode code) {
  std::vector<Status> statuses(3);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport);
    rank.ExpectWorks("start", 3);
    const int me = transport.rank();
    if (me != 1) statuses[me] = operation(rank, me);
    const Status join = rank.Join().Wait();
    EXPECT_TRUE(join.ok()) << join.ToString();
    rank.ExpectWorks("end", 3);
    const Status end = rank.engine.Shutdown();
    EXPECT_TRUE(end.ok()) << end.ToString();
  });
  EXPECT_EQ(statuses[0].code(), code) << statuses[0].ToString();
  EXPECT_EQ(statuses[0], statuses[2]);
}

TEST(EngineJoined, AllreduceSumsWhatIsThereAndRefusesOtherOperators) {
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin, ReduceOp::kMax,
                            ReduceOp::kProduct, ReduceOp::kAdasum}) {
    const bool adds = op == ReduceOp::kSum || op == ReduceOp::kAverage;
    ExpectWithoutRankOne(
        [&](EngineRank& rank, int) {
          Floats values = {3, 6};
          Request request = RequestFor(OperationKind::kAllreduce, "w", 2);
          request.op = op;
          const Status status = rank.Submit(request, values).Wait();
          const Floats expected = op == ReduceOp::kSum ? Floats{6, 12} : Floats{2, 4};
          EXPECT_EQ(values, adds ? expected : (Floats{3, 6}));
          return status;
        },
        adds ? StatusCode::kOk : StatusCode::kInvalidArgument);
  }
}

TEST(EngineJoined, AllgatherHasNoRowsOfThem) {
  ExpectWithoutRankOne(
      [](EngineRank& rank, int me) {
        Floats rows(static_cast<std::size_t>(me) + 1, static_cast<float>(me));
        const Handle handle =
            rank.Submit(RequestFor(OperationKind::kAllgather, "rows", rows.size()), rows);
        const Status status = handle.Wait();
        EXPECT_EQ(handle.result().rank_extents, (std::vector<std::int64_t>{1, 0, 3}));
        EXPECT_EQ(GatheredOf(handle), (Floats{0, 2, 2, 2}));
        return status;
      },
      StatusCode::kOk);
}

TEST(EngineJoined, ReducescatterDropsTheirBlock) {
  ExpectWithoutRankOne(
      [](EngineRank& rank, int me) {
        Floats input = {1, 2, 3, 4, 5};
        Floats output(2);
        const Request request = RequestFor(OperationKind::kReducescatter, "w", 5);
        const Status status =
            rank.engine
                .Enqueue(request, TensorView(input.data(), DataType::kFloat32, {5}),
                         TensorView(output.data(), DataType::kFloat32, {me == 2 ? 1 : 2}))
                .Wait();
        EXPECT_EQ(output, (me == 0 ? Floats{2, 4} : Floats{10, 0}));
        return status;
      },
      StatusCode::kOk);
}

TEST(EngineJoined, BroadcastNeedsItsRoot) {
  for (const int root : {0, 1, 2}) {
    ExpectWithoutRankOne(
        [&](EngineRank& rank, int me) {
          Floats values(3, static_cast<float>(me));
          Request request = RequestFor(OperationKind::kBroadcast, "w", 3);
          request.root = root;
          const Status status = rank.Submit(request, values).Wait();
          EXPECT_EQ(values, Floats(3, static_cast<float>(root == 1 ? me : root)));
          return status;
        },
        root == 1 ? StatusCode::kInvalidArgument : StatusCode::kOk);
  }
}

TEST(EngineJoined, BarriersGoOn) {
  ExpectWithoutRankOne(
      [](EngineRank& rank, int) {
        return rank.Submit(RequestFor(OperationKind::kBarrier, "b")).Wait();
      },
      StatusCode::kOk);
}

TEST(EngineJoined, WhatHasNoMeaningFailsAlike) {
  using enum OperationKind;
  for (const OperationKind kind :
       {kAlltoall, kModelAverage, kAllocate, kAddProcessSet, kRemoveProcessSet}) {
    ExpectWithoutRankOne(
        [&](EngineRank& rank, int) {
          Floats values(3);
          Request request = RequestFor(kind, "w", 3);
          if (kind == kAlltoall) request.splits = {1, 1, 1};
          if (kind == kModelAverage) request.window = {.period = 1, .origin = 0, .step = 1};
          if (kind == kAddProcessSet) request.members = {0, 2};
          if (kind == kRemoveProcessSet) request.process_set = 1;
          const Status status = rank.Submit(request, values).Wait();
          EXPECT_NE(status.message().find("rank 1 has joined"), std::string::npos)
              << status.message();
          return status;
        },
        StatusCode::kInvalidArgument);
  }
}

TEST(EngineJoined, AGroupWithSuchAMemberFailsAsAWhole) {
  ExpectWithoutRankOne(
      [](EngineRank& rank, int) {
        Floats a = {1};
        Floats b = {1};
        const Handle sum = rank.SumInGroup("g", 2, "sum", a);
        Request max = RequestFor(OperationKind::kAllreduce, "max", 1);
        max.op = ReduceOp::kMax;
        max.group = "g";
        max.group_size = 2;
        const Status status = rank.Submit(max, b).Wait();
        EXPECT_EQ(sum.Wait().code(), StatusCode::kInvalidArgument);
        EXPECT_EQ(a[0], 1);
        return status;
      },
      StatusCode::kInvalidArgument);
}

TEST(EngineJoined, AHugeTensorThatIsRefusedCostsThemNothing) {
  ExpectWithoutRankOne(
      [](EngineRank& rank, int) {
        Request request = RequestFor(OperationKind::kAllreduce, "w");
        request.shape = {1LL << 58};
        request.op = ReduceOp::kMax;
        return rank.Submit(request).Wait();
      },
      StatusCode::kInvalidArgument);
}

TEST(EngineJoined, TheySubmitNothingUntilAllHaveJoined) {
  RunRanks(2, [](Transport& transport) {
    EngineRank rank(transport);
    Handle join;
    if (transport.rank() == 1) {
      join = rank.Join();
      Floats values = {1};
      EXPECT_EQ(rank.Sum("w", values).Wait().code(), StatusCode::kInvalidArgument);
    } else {
      rank.ExpectWorks("w", 1);
      join = rank.Join();
    }
    EXPECT_TRUE(join.Wait().ok());
    rank.ExpectWorks("w", 2);
  });
}

TEST(EngineJoined, WhatTheyHadSubmittedBeforeIsTheirs) {
  for (const bool cached : {false, true}) {
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport);
      if (cached) rank.ExpectWorks("w", 3);
      Floats values = {1};
      if (transport.rank() == 1) {
        const Handle sum = rank.Sum("w", values);
        const Handle join = rank.Join();
        EXPECT_TRUE(sum.Wait().ok());
        EXPECT_EQ(values[0], 3);
        EXPECT_TRUE(join.Wait().ok());
      } else {
        rank.ExpectWorks("w", 3);
        rank.ExpectWorks("w", 2);
        EXPECT_TRUE(rank.Join().Wait().ok());
      }
    });
  }
}

TEST(EngineJoined, WhatIsPendingWhenTheLastJoinsIsDoneFirst) {
  for (const char* name : {"a", "z"}) {  // before and after "ronde.join"
    for (const int submitter : {0, 1}) {
      RunRanks(3, [&](Transport& transport) {
        EngineRank rank(transport);
        rank.ExpectWorks("start", 3);
        Floats values = {1};
        Handle sum = Handle::Completed(Status::Ok());
        if (transport.rank() == submitter) sum = rank.Sum(name, values);
        const Handle join = rank.Join();
        EXPECT_TRUE(join.Wait().ok());
        const Status status = sum.WaitUntil(Deadline::After(10));
        EXPECT_TRUE(status.ok()) << status.ToString();
        EXPECT_EQ(values[0], 1);
        rank.ExpectWorks("end", 3);
      });
    }
  }
}

TEST(EngineJoined, InTheMiddleOfTheTreeTheyPassOnWhatOthersAskFor) {
  constexpr int kSize = 9;  // rank 1 is above 3, 4, 7 and 8
  RunRanks(kSize, [](Transport& transport) {
    EngineRank rank(transport);
    for (int step = 0; step < 3; ++step) rank.ExpectWorks("w", kSize);
    if (transport.rank() != 1 && transport.rank() != 2) {
      const auto begin = std::chrono::steady_clock::now();
      for (int step = 0; step < 20; ++step) {
        Floats values = {1};
        ASSERT_TRUE(rank.Sum("w", values).Wait().ok());
        EXPECT_GE(values[0], kSize - 2);
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      EXPECT_LT(took.count(), 0.8) << "something waited for the patience of the tree";
    }
    EXPECT_TRUE(rank.Join().Wait().ok());
    rank.ExpectWorks("w", kSize);
  });
}

TEST(EngineJoined, AnOperationInAProcessSetDoesNotMindTheOthers) {
  RunRanks(4, [](Transport& transport) {
    EngineRank rank(transport);
    const int set = rank.AddSet({0, 2, 3});
    if (transport.rank() == 3 || transport.rank() == 1) {
      EXPECT_TRUE(rank.Join().Wait().ok());
      return;
    }
    Floats values = {1, 2};
    EXPECT_TRUE(rank.SumIn(set, "w", values).Wait().ok());
    EXPECT_EQ(values, (Floats{2, 4}));
    Request cast = RequestFor(OperationKind::kBroadcast, "c", 2);
    cast.process_set = set;
    cast.root = 1;  // world rank 2
    EXPECT_TRUE(rank.Submit(cast, values).Wait().ok());
    cast.root = 2;  // world rank 3
    EXPECT_EQ(rank.Submit(cast, values).Wait().code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE(rank.Join().Wait().ok());
  });
}

TEST(EngineJoined, WhoeverShutsDownInsteadFailsTheJoinAndTheOthersGoOn) {
  std::latch failed(1);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport);
    const int set = rank.AddSet({0, 1});
    if (transport.rank() == 2) return;
    if (transport.rank() == 1) {
      EXPECT_EQ(rank.Join().Wait().code(), StatusCode::kShutdown);
      failed.count_down();
    }
    failed.wait();
    Floats values = {1};
    const Handle sum = rank.SumIn(set, "w", values);
    const Status status = sum.WaitUntil(Deadline::After(10));
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(values[0], 2);
  });
}

TEST(EngineJoined, ObserversSeeNoAgesFromBeforeTheStart) {
  RunRanks(2, [](Transport& transport) {
    RecordingObserver observer;
    EngineRank rank(transport, {}, &observer);
    const std::int64_t start_ns = SteadyClock().NowNs();
    if (transport.rank() == 0) rank.ExpectWorks("w", 1);
    EXPECT_TRUE(rank.Join().Wait().ok());
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    for (const RecordingObserver::Agreed& agreed : observer.TakeAgreed()) {
      if (agreed.name == "w" && transport.rank() == 1) {
        EXPECT_EQ(agreed.submitted_ns, kStandsIn) << "it never asked for it";
        continue;
      }
      EXPECT_GE(agreed.submitted_ns, start_ns) << agreed.name << " on rank " << transport.rank();
    }
  });
}

}  // namespace
}  // namespace ronde
