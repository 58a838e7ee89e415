#include "core/control/engine.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <random>

#include <gtest/gtest.h>

#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

class EngineRanks : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineRanks, testing::Values(1, 2, 3, 4, 8));

TEST_P(EngineRanks, PairsNamesSubmittedInDifferentOrders) {
  constexpr int kSteps = 1000;
  constexpr int kTensors = 6;
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::mt19937 random(static_cast<unsigned>(17 + transport.rank()));
    std::vector<std::vector<float>> tensors(kTensors);
    std::vector<int> order(kTensors);
    std::iota(order.begin(), order.end(), 0);
    for (int step = 0; step < kSteps; ++step) {
      std::shuffle(order.begin(), order.end(), random);
      std::vector<Handle> handles;
      for (int i : order) {
        tensors[i].assign(i + 1, static_cast<float>(step + 100 * i));
        handles.push_back(rank.Sum(StrCat("tensor", i), tensors[i]));
      }
      for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok());
      for (int i = 0; i < kTensors; ++i) {
        const std::vector<float> expected(i + 1, static_cast<float>(size * (step + 100 * i)));
        ASSERT_EQ(tensors[i], expected);
      }
    }
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    EXPECT_EQ(rank.engine.counters().operations, std::uint64_t{kSteps * kTensors});
    EXPECT_EQ(rank.engine.counters().payload_bytes, std::uint64_t{kSteps * 21 * sizeof(float)});
  });
}

TEST_P(EngineRanks, CallbacksMayEnqueue) {
  constexpr int kLinks = 50;
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<std::vector<float>> values(kLinks, std::vector<float>{1});
    Handle last;
    std::function<void(int)> submit = [&](int link) {
      rank.Sum("link", values[link]).OnComplete([&, link](const Status& status) {
        EXPECT_TRUE(status.ok()) << status.ToString();
        if (link + 1 < kLinks) {
          submit(link + 1);  // the same name again: it is free by now
        } else {
          last.Complete(status);
        }
      });
    };
    submit(0);
    EXPECT_TRUE(last.Wait().ok());
    for (const auto& value : values) EXPECT_EQ(value[0], static_cast<float>(size));
  });
}

class EngineOfSeveral : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineOfSeveral, testing::Values(2, 3, 4, 8));

TEST_P(EngineOfSeveral, ANameInFlightCannotBeSubmittedAgain) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::atomic<bool> may_run{false};
    rank.executor.set_before([&](const auto&) {
      may_run.wait(false);
      return Status::Ok();
    });
    std::vector<float> first = {1};
    std::vector<float> second = {1};
    const Handle handle = rank.Sum("w", first);
    const Handle duplicate = rank.Sum("w", second);
    EXPECT_EQ(duplicate.Wait(),
              Status::DuplicateName(StrCat(
                  "tensor 'w' was submitted again while the first submission is still in flight ",
                  "on rank ", transport.rank(), "; wait for its handle or give it another name")));
    may_run = true;
    may_run.notify_all();
    EXPECT_TRUE(handle.Wait().ok());
    rank.ExpectWorks("w", size);
  });
}

TEST_P(EngineRanks, SubmitsFromManyThreads) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 30; ++i) rank.ExpectWorks(StrCat("t", thread, ".", i), size);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    EXPECT_EQ(rank.engine.counters().operations, 90u);
  });
}

TEST(Engine, AtOneRankAnOperationHasCompletedWhenEnqueueReturns) {
  RunRanks(1, [](Transport& transport) {
    EngineRank rank(transport, {{Setting::kCycleTimeMs, "1000"}});
    std::thread::id executed_by;
    rank.executor.set_before([&](const auto&) {
      executed_by = std::this_thread::get_id();
      return Status::Ok();
    });
    std::vector<float> values = {1};
    EXPECT_TRUE(rank.Sum("w", values).Poll());
    EXPECT_TRUE(rank.Sum("w", values).Poll());
    EXPECT_EQ(executed_by, std::this_thread::get_id());
    EXPECT_EQ(rank.engine.counters().operations, 2u);
    rank.engine.Abort(Status::Aborted("enough"));
    const Handle refused = rank.Sum("w", values);
    ASSERT_TRUE(refused.Poll());
    EXPECT_EQ(refused.Wait(), Status::Aborted("rank 0: enough"));
  });
}

TEST(Engine, AllgatherOperationsCarryOwnShapeAndAllExtents) {
  RunRanks(3, [](Transport& transport) {
    EngineRank rank(transport);
    Shape seen;
    std::vector<std::int64_t> extents;
    rank.executor.set_before([&](std::span<const ReadyOperation> operations) {
      seen = operations[0].response->request.shape;
      extents = operations[0].response->rank_extents;
      operations[0].entry.handle.Complete(Status::Ok());
      return Status::Ok();
    });
    std::vector<float> values(4);
    Request request;
    request.kind = OperationKind::kAllgather;
    request.name = "gather";
    request.shape = {transport.rank(), 2};
    TensorView view(values.data(), DataType::kFloat32, {1});
    EXPECT_TRUE(rank.engine.Enqueue(request, view, view).Wait().ok());
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    EXPECT_EQ(seen, (Shape{transport.rank(), 2}));
    EXPECT_EQ(extents, (std::vector<std::int64_t>{0, 1, 2}));
  });
}

TEST(Engine, TensorsThatAreReadyTogetherAreExecutedTogether) {
  RunRanks(2, [](Transport& transport) {
    EngineRank rank(transport, {{Setting::kCycleTimeMs, "50"}});
    std::vector<std::vector<float>> values(10, std::vector<float>{1});
    std::vector<Handle> handles;
    for (std::size_t i = 0; i < values.size(); ++i) {
      handles.push_back(rank.Sum(StrCat("t", i), values[i]));
    }
    for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok());
    EXPECT_LE(rank.engine.counters().response_lists, 3u);
  });
}

TEST(Engine, CountsTimeInTheExecutorAndOutstanding) {
  RunRanks(1, [](Transport& transport) {
    EngineRank rank(transport);
    EXPECT_EQ(rank.engine.counters().outstanding_ns, 0);
    rank.ExpectWorks("w", 1);
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    const EngineCounters counters = rank.engine.counters();
    EXPECT_GT(counters.execute_ns, 0);
    EXPECT_GT(counters.outstanding_ns, 0);
    EXPECT_EQ(rank.engine.counters().outstanding_ns, counters.outstanding_ns);
  });
}

TEST(Engine, RefusesRequestsThatCannotBeSent) {
  RunRanks(2, [](Transport& transport) {
    EngineRank rank(transport);
    std::vector<float> values = {1};
    EXPECT_EQ(rank.Sum("", values).Wait().code(), StatusCode::kInvalidArgument);
    Request request;
    request.name = "w";
    request.shape = {-1};
    EXPECT_EQ(rank.Submit(request, values).Wait().code(), StatusCode::kInvalidArgument);
    rank.ExpectWorks("w", 2);
  });
}

std::int64_t ProcessCpuNs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

TEST(Engine, SleepsWhileIdleAndWhileATensorWaitsForOtherRanks) {
  RunRanks(4, [](Transport& transport) {
    EngineRank rank(transport, {{Setting::kStallWarningS, "3600"}});
    rank.ExpectWorks("start", 4);
    std::vector<float> values = {1};
    Handle waits;
    if (transport.rank() == 3) {
      const std::int64_t before_ns = ProcessCpuNs();
      EXPECT_EQ(waits.WaitUntil(Deadline::After(0.5)).code(), StatusCode::kTimeout);
      EXPECT_LT(ProcessCpuNs() - before_ns, 100'000'000);
    }
    waits = rank.Sum("late", values);
    EXPECT_TRUE(waits.Wait().ok());
  });
}

}  // namespace
}  // namespace ronde
