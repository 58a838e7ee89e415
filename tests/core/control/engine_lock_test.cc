// The locked schedule, with ranks as threads: what is asked for again and again is not negotiated,
// and whoever does something else gets what negotiation would have given.
#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

constexpr int kUntilLocked = 12;  // iterations; --lock-after is 3 here

/// Counts the lists that were not negotiated.
class LockObserver final : public EngineObserver {
 public:
  void OnList(const ListInfo& info, std::int64_t /*now_ns*/) override {
    if (info.locked) locked_.fetch_add(1, std::memory_order_relaxed);
  }
  void OnStraggler(int rank, std::string_view name, std::int64_t wait_ns) override {
    constexpr std::int64_t kMillisecond = 1'000'000;
    if (rank == 1 && name == "a" && wait_ns > kMillisecond) ++stragglers_;
  }
  /// How often rank 1 was more than a millisecond late with "a". After the engine has shut down.
  [[nodiscard]] int stragglers() const { return stragglers_; }
  [[nodiscard]] int locked() const { return locked_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int> locked_{0};
  int stragglers_ = 0;  // engine-only
};

EngineSettings LockSoon() { return {{Setting::kLockAfter, "3"}}; }

/// Sums over all ranks of what this rank brings to `step`, checked.
class Step {
 public:
  Step(EngineRank& rank, Transport& transport) : rank_(rank), size_(transport.size()) {}

  /// Submits `names` in this order and waits for all of them.
  void Run(const std::vector<std::string>& names) {
    std::vector<std::vector<float>> values(names.size(), std::vector<float>(5, 1));
    std::vector<Handle> handles;
    for (std::size_t i = 0; i < names.size(); ++i) {
      values[i][2] = static_cast<float>(i);
      values[i].front() = static_cast<float>(names[i].size());
      handles.push_back(rank_.Sum(names[i], values[i]));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Status status = handles[i].Wait();
      ASSERT_TRUE(status.ok()) << status.ToString();
      ASSERT_EQ(values[i].front(), static_cast<float>(names[i].size()) * size_) << names[i];
      ASSERT_EQ(values[i].back(), static_cast<float>(size_));
    }
  }
  void RunOften(const std::vector<std::string>& names, int times = kUntilLocked) {
    for (int i = 0; i < times; ++i) Run(names);
  }

 private:
  EngineRank& rank_;
  const int size_;
};

class EngineLock : public testing::TestWithParam<int> {
 protected:
  /// `body` on every rank; the engines end in order.
  template <typename Body>
  void WithRanks(Body body) {
    RunRanks(GetParam(), [&](Transport& transport) {
      LockObserver observer;
      EngineRank rank(transport, LockSoon(), &observer);
      Step step(rank, transport);
      body(transport, rank, step, observer);
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }
};

TEST_P(EngineLock, TellsWhoIsLate) {
  WithRanks([](Transport& transport, EngineRank& rank, Step& step, LockObserver& observer) {
    step.RunOften({"a", "b"});
    constexpr int kLate = 10;
    for (int i = 0; i < kLate; ++i) {
      if (transport.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      step.Run({"a", "b"});
    }
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    EXPECT_GE(observer.locked(), kLate);
    // Now and then the machine holds up another rank for longer.
    if (transport.rank() == 0) {
      EXPECT_GE(observer.stragglers(), 1);
    }
  });
}

TEST_P(EngineLock, ARepeatedIterationIsNoLongerNegotiated) {
  WithRanks([](Transport&, EngineRank&, Step& step, LockObserver& observer) {
    step.RunOften({"a", "b", "c"});
    const int before = observer.locked();
    EXPECT_GT(before, 0);
    step.RunOften({"a", "b", "c"}, 50);
    EXPECT_GE(observer.locked(), before + 50);
  });
}

TEST_P(EngineLock, RanksMayAskInDifferentOrders) {
  WithRanks([](Transport& transport, EngineRank&, Step& step, LockObserver& observer) {
    std::vector<std::string> names = {"a", "bb", "ccc", "dddd", "e"};
    std::mt19937 random(static_cast<unsigned>(transport.rank()));
    for (int i = 0; i < 100; ++i) {
      std::shuffle(names.begin(), names.end(), random);
      step.Run(names);
    }
    EXPECT_GT(observer.locked(), 0);
  });
}

TEST_P(EngineLock, OperationsThatWaitForEachOtherAreNotHeldUp) {
  WithRanks([](Transport&, EngineRank&, Step& step, LockObserver& observer) {
    for (int i = 0; i < 50; ++i) {
      step.Run({"first"});
      step.Run({"second"});
    }
    EXPECT_GT(observer.locked(), 20);
  });
}

TEST_P(EngineLock, ANewNameOnAllRanksIsNegotiated) {
  WithRanks([](Transport&, EngineRank&, Step& step, LockObserver&) {
    step.RunOften({"a", "b"});
    step.Run({"a", "new", "b"});
    step.RunOften({"a", "b"});
    step.Run({"other"});
  });
}

TEST_P(EngineLock, ALeftOutNameHoldsUpNobodyForLong) {
  WithRanks([](Transport&, EngineRank&, Step& step, LockObserver&) {
    step.RunOften({"a", "b", "c"});
    step.Run({"a", "c"});
    step.Run({"b"});
    step.RunOften({"a", "b", "c"});
  });
}

TEST_P(EngineLock, AnotherShapeOnOneRankIsAMismatchOnAllAndDestroysNothing) {
  WithRanks([](Transport& transport, EngineRank& rank, Step& step, LockObserver&) {
    step.RunOften({"a", "b"});
    const bool odd = transport.rank() == transport.size() - 1;
    std::vector<float> a(odd ? 6 : 5, 3);
    std::vector<float> b(5, 1);
    const Handle first = rank.Sum("a", a);
    const Handle second = rank.Sum("b", b);
    EXPECT_EQ(first.Wait().code(), StatusCode::kMismatch);
    EXPECT_TRUE(second.Wait().ok());
    EXPECT_EQ(a, std::vector<float>(a.size(), 3));
    EXPECT_EQ(b.front(), static_cast<float>(transport.size()));
    step.RunOften({"a", "b"});
  });
}

TEST_P(EngineLock, ARankThatComesLateIsWaitedFor) {
  const int size = GetParam();
  std::latch others_wait(size - 1);
  RunRanks(size, [&](Transport& transport) {
    // Under a lock a rank waits an eighth of this for others, then has rank 0 look for them.
    EngineRank rank(transport, {{Setting::kLockAfter, "3"}, {Setting::kStallWarningS, "0.8"}});
    Step step(rank, transport);
    step.RunOften({"a"});
    std::vector<float> values(5, 1);
    if (transport.rank() == 0) others_wait.wait();
    const Handle handle = rank.Sum("a", values);
    if (transport.rank() != 0) {
      EXPECT_EQ(handle.WaitUntil(Deadline::After(0.3)).code(), StatusCode::kTimeout);
      others_wait.count_down();
    }
    EXPECT_TRUE(handle.Wait().ok());
    EXPECT_EQ(values.front(), static_cast<float>(size));
    step.RunOften({"a"});
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST_P(EngineLock, JoiningEndsIt) {
  WithRanks([](Transport& transport, EngineRank& rank, Step& step, LockObserver&) {
    step.RunOften({"a", "b"});
    std::vector<float> values(5, 1);
    if (transport.rank() != 0) {
      EXPECT_TRUE(rank.Sum("a", values).Wait().ok());  // rank 0 brings zeros
      EXPECT_EQ(values.front(), static_cast<float>(transport.size() - 1));
    }
    EXPECT_TRUE(rank.Join().Wait().ok());
    step.RunOften({"a", "b"});
  });
}

TEST_P(EngineLock, ProcessSetsCanBeAddedAndUsed) {
  WithRanks([](Transport& transport, EngineRank& rank, Step& step, LockObserver&) {
    step.RunOften({"a"});
    const int set = rank.AddSet({0});
    if (transport.rank() == 0) {
      std::vector<float> alone = {2};
      EXPECT_TRUE(rank.SumIn(set, "a", alone).Wait().ok());
      EXPECT_EQ(alone.front(), 2);
    }
    step.RunOften({"a"});
    EXPECT_TRUE(rank.RemoveSet(set).Wait().ok());
  });
}

TEST_P(EngineLock, ARankThatShutsDownEndsItAndIsNamed) {
  RunRanks(GetParam(), [](Transport& transport) {
    EngineRank rank(transport, LockSoon());
    Step step(rank, transport);
    step.RunOften({"a", "b"});
    if (transport.rank() == 1) {
      EXPECT_TRUE(rank.engine.Shutdown().ok());
      return;
    }
    std::vector<float> values(5, 1);
    const Status status = rank.Sum("a", values).Wait();
    EXPECT_EQ(status.code(), StatusCode::kShutdown);
    EXPECT_NE(status.message().find("rank 1"), std::string::npos) << status.message();
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST_P(EngineLock, AnAbortReachesRanksThatWaitUnderALock) {
  std::latch locked(GetParam());  // an abort may overtake what is being executed
  RunRanks(GetParam(), [&locked](Transport& transport) {
    EngineRank rank(transport, LockSoon());
    Step step(rank, transport);
    step.RunOften({"a"});
    locked.arrive_and_wait();
    std::vector<float> values(5, 1);
    if (transport.rank() == 0) {
      rank.engine.Abort(Status::Aborted("boom"));
    } else {
      EXPECT_EQ(rank.Sum("a", values).Wait().code(), StatusCode::kAborted);
    }
    (void)rank.engine.Shutdown();
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, EngineLock, testing::Values(2, 3, 8));

TEST(EngineWithoutALock, WhereItIsOffOrRanksHaveNoBoard) {
  for (const bool off : {true, false}) {
    const std::vector<std::string> hosts =
        off ? std::vector<std::string>{"one", "one"} : std::vector<std::string>{"one", "two"};
    RunRanksOnHosts(hosts, [off](Transport& transport) {
      LockObserver observer;
      EngineRank rank(transport, {{Setting::kLockAfter, off ? "0" : "3"}}, &observer);
      Step(rank, transport).RunOften({"a"}, 30);
      EXPECT_EQ(observer.locked(), 0);
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }
}

TEST(EngineBursts, WhereFewerComeThanBeforeNothingWaitsForTheRest) {
  for (const char* lock_after : {"0", "3"}) {
    RunRanks(2, [&](Transport& transport) {
      EngineRank rank(transport, {{Setting::kLockAfter, lock_after}});
      Step step(rank, transport);
      for (int round = 0; round < 10; ++round) {
        step.RunOften({"a", "b", "c", "d"});
        // One by one, each after the one before has ended; and only some of them.
        for (const char* name : {"a", "b", "c", "d", "a", "a", "d"}) step.Run({name});
        step.Run({"b", "a"});
        step.Run({"a", "x"});
        step.Run({"x"});
      }
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }
}

TEST(EngineBursts, AreCompletedByCallbacksToo) {
  // Nobody waits between the operations: what completes one submits the next.
  RunRanks(2, [](Transport& transport) {
    EngineRank rank(transport, LockSoon());
    Step step(rank, transport);
    step.RunOften({"a", "b", "c"});
    std::vector<float> values(5, 1);
    std::atomic<int> rounds{0};
    std::latch done(1);
    std::function<void(const Status&)> next = [&](const Status& status) {
      EXPECT_TRUE(status.ok()) << status.ToString();
      if (rounds.fetch_add(1) == 40) return done.count_down();
      rank.Sum(rounds % 2 == 0 ? "a" : "b", values).OnComplete(next);
    };
    next(Status::Ok());
    done.wait();
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

}  // namespace
}  // namespace ronde
