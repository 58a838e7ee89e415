// Callers that wait do the engine's work, with ranks as threads; whoever does not wait is served
// all the same.
#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/clock.h"
#include "core/base/strcat.h"
#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

constexpr int kUntilCountedOn = 60;  // waits in a row; locked by then

EngineSettings LockSoon() { return {{Setting::kLockAfter, "3"}}; }

/// Counts the lists that this thread has seen to itself.
class DriverObserver final : public EngineObserver {
 public:
  explicit DriverObserver(std::thread::id caller) : caller_(caller) {}
  void OnList(const ListInfo& /*info*/, std::int64_t /*now_ns*/) override {
    if (std::this_thread::get_id() == caller_) helped_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] int helped() const { return helped_.load(std::memory_order_relaxed); }

 private:
  const std::thread::id caller_;
  std::atomic<int> helped_{0};
};

class EngineHelp : public testing::TestWithParam<int> {
 protected:
  template <typename Body>
  void WithRanks(Body body) {
    RunRanks(GetParam(), [&](Transport& transport) {
      DriverObserver observer(std::this_thread::get_id());
      EngineRank rank(transport, LockSoon(), &observer);
      body(transport, rank, observer);
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }

  static void Step(EngineRank& rank, int size, int tensors) {
    std::vector<std::vector<float>> values(static_cast<std::size_t>(tensors), {1, 2});
    std::vector<Handle> handles;
    for (int i = 0; i < tensors; ++i) {
      handles.push_back(rank.Sum(StrCat("w", i), values[static_cast<std::size_t>(i)]));
    }
    for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok());
    for (const auto& value : values) ASSERT_EQ(value[1], 2.F * static_cast<float>(size));
  }
};

TEST_P(EngineHelp, CallersThatWaitDoTheWork) {
  WithRanks([](Transport& transport, EngineRank& rank, DriverObserver& observer) {
    for (int i = 0; i < 500; ++i) Step(rank, transport.size(), 1 + i % 3 / 2 * 4);
    if (transport.rank() == 0) {
      EXPECT_GT(observer.helped(), 0);
    }
  });
}

TEST_P(EngineHelp, WhoeverPollsAfterManyWaitsIsServed) {
  WithRanks([](Transport& transport, EngineRank& rank, DriverObserver&) {
    for (int i = 0; i < kUntilCountedOn; ++i) Step(rank, transport.size(), 1);
    for (int i = 0; i < 5; ++i) {
      std::vector<float> value = {1, 2};
      const Handle handle = rank.Sum("w0", value);
      const Deadline patience = Deadline::After(20);
      while (!handle.Poll() && !patience.Expired()) std::this_thread::yield();
      ASSERT_TRUE(handle.Poll());
    }
  });
}

TEST_P(EngineHelp, WhoeverDoesNotEvenLookIsServed) {
  WithRanks([](Transport& transport, EngineRank& rank, DriverObserver&) {
    for (int i = 0; i < kUntilCountedOn; ++i) Step(rank, transport.size(), 1);
    std::vector<float> value = {1, 2};
    const Handle handle = rank.Sum("w0", value);
    // What the others have waited for, this rank has not looked at.
    if (transport.rank() != 0) {
      EXPECT_TRUE(handle.Wait().ok());
    }
    const Deadline patience = Deadline::After(20);
    while (!handle.issued() && !patience.Expired()) std::this_thread::yield();
    EXPECT_TRUE(handle.issued());
  });
}

TEST_P(EngineHelp, ACallbackOnTheWaitingThreadMayEndTheSession) {
  RunRanks(GetParam(), [&](Transport& transport) {
    EngineRank rank(transport, LockSoon());
    for (int i = 0; i < kUntilCountedOn; ++i) Step(rank, transport.size(), 1);
    std::vector<float> value = {1, 2};
    std::atomic<bool> called{false};
    const Handle handle = rank.Sum("w0", value);
    handle.OnComplete([&](const Status&) {
      EXPECT_TRUE(rank.engine.Shutdown().ok());
      called.store(true);
    });
    EXPECT_TRUE(handle.Wait().ok());
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    EXPECT_TRUE(called.load());
  });
}

TEST_P(EngineHelp, ManyThreadsMayWaitAtOnce) {
  WithRanks([](Transport& transport, EngineRank& rank, DriverObserver&) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&rank, t, size = transport.size()] {
        for (int i = 0; i < 100; ++i) {
          std::vector<float> value = {1, 2};
          ASSERT_TRUE(rank.Sum(StrCat("of thread ", t), value).Wait().ok());
          ASSERT_EQ(value[1], 2.F * static_cast<float>(size));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
}

TEST_P(EngineHelp, AFailureEndsTheWaitsOfThoseWhoHelp) {
  std::latch done(GetParam());  // an abort may overtake what is being executed
  RunRanks(GetParam(), [&](Transport& transport) {
    EngineRank rank(transport, LockSoon());
    for (int i = 0; i < kUntilCountedOn; ++i) Step(rank, transport.size(), 1);
    done.arrive_and_wait();
    if (transport.rank() == 0) rank.engine.Abort(Status::Aborted("boom"));
    std::vector<float> value = {1, 2};
    EXPECT_EQ(rank.Sum("w0", value).Wait(), Status::Aborted("rank 0: boom"));
    EXPECT_FALSE(rank.engine.Shutdown().ok());
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, EngineHelp, testing::Values(2, 3, 5));

}  // namespace
}  // namespace ronde
