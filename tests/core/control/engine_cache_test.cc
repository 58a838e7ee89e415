// What is asked for again and again: the response cache through the engine.
#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

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

/// An engine that is watched.
struct WatchedRank {
  explicit WatchedRank(Transport& transport, const EngineSettings& settings = {})
      : rank(transport, Unlocked(settings), &observer) {}
  RecordingObserver observer;
  EngineRank rank;
};

class EngineCache : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineCache, testing::Values(1, 2, 3, 4, 8));

TEST_P(EngineCache, TheSecondTimeIsAHit) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    WatchedRank watched(transport);
    watched.rank.ExpectWorks("w", size);
    EXPECT_EQ(watched.observer.TakeCounts(), Counts(0, 1));
    for (int step = 0; step < 5; ++step) {
      watched.rank.ExpectWorks("w", size);
      EXPECT_EQ(watched.observer.TakeCounts(), Counts(1, 0));
    }
  });
}

TEST_P(EngineCache, EveryKindIsAHitTheSecondTimeOrNever) {
  using enum OperationKind;
  const int size = GetParam();
  for (const OperationKind kind :
       {kAllreduce, kBroadcast, kAllgather, kBarrier, kReducescatter, kAlltoall, kModelAverage}) {
    RunRanks(size, [&](Transport& transport) {
      WatchedRank watched(transport);
      for (int step = 0; step < 3; ++step) {
        Floats values(static_cast<std::size_t>(size), 1.0F);
        Request request = RequestFor(kind, "w", values.size());
        if (kind == kAlltoall) request.splits.assign(static_cast<std::size_t>(size), 1);
        if (kind == kModelAverage) request.window = {.period = 1, .origin = 0, .step = 7};
        const Handle handle = watched.rank.Submit(request, values);
        ASSERT_TRUE(handle.Wait().ok()) << Name(kind);
        const bool hit = step > 0 && kind != kModelAverage;
        EXPECT_EQ(watched.observer.TakeCounts(), (hit ? Counts(1, 0) : Counts(0, 1))) << Name(kind);
      }
    });
  }
}

TEST(EngineCached, WithoutCapacityEverythingIsNegotiatedInFull) {
  RunRanks(3, [](Transport& transport) {
    WatchedRank watched(transport, {{Setting::kResponseCacheCapacity, "0"}});
    for (int step = 0; step < 5; ++step) watched.rank.ExpectWorks("w", 3);
    EXPECT_EQ(watched.observer.TakeCounts(), Counts(0, 5));
  });
}

/// After two good rounds rank `odd` asks for something else, once; all hear of it, and the old
/// request works and becomes a hit again.
void ExpectMismatchToldToAll(int size, int odd, const std::function<void(Request&)>& change) {
  std::vector<Status> statuses(size);
  RunRanks(size, [&](Transport& transport) {
    WatchedRank watched(transport);
    for (int step = 0; step < 2; ++step) watched.rank.ExpectWorks("w", size);
    Floats values = {1, 1};
    Request request = RequestFor(OperationKind::kAllreduce, "w", 1);
    if (transport.rank() == odd) change(request);
    statuses[transport.rank()] = watched.rank.Submit(request, values).Wait();
    EXPECT_EQ(values, (Floats{1, 1}));
    (void)watched.observer.TakeCounts();
    for (const Counts& counts : {Counts(0, 1), Counts(1, 0), Counts(1, 0)}) {
      watched.rank.ExpectWorks("w", size);
      EXPECT_EQ(watched.observer.TakeCounts(), counts);
    }
  });
  EXPECT_EQ(statuses[0].code(), StatusCode::kMismatch) << statuses[0].ToString();
  ExpectSameOnAllRanks(statuses);
}

TEST(EngineCached, AChangeOnOneRankOnlyIsAMismatchForAllAndTheOldRequestWorksAgain) {
  const std::vector<std::function<void(Request&)>> changes = {
      [](Request& r) { r.shape = {2}; },
      [](Request& r) { r.op = ReduceOp::kMax; },
      [](Request& r) { r.prescale = 0.5; },
      [](Request& r) { r.postscale = 0.5; },
      [](Request& r) { r.dtype = DataType::kInt32; },
      [](Request& r) { r.kind = OperationKind::kBroadcast; },
  };
  for (const int size : {2, 3, 8}) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      SCOPED_TRACE(StrCat("change ", i, " of ", size, " ranks"));
      ExpectMismatchToldToAll(size, static_cast<int>(i) % size, changes[i]);
    }
  }
}

TEST_P(EngineCache, AChangeOnAllRanksIsANewResponse) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    WatchedRank watched(transport);
    for (int round = 0; round < 4; ++round) {
      for (const bool hit : {false, true}) {
        Floats values(static_cast<std::size_t>(round) + 1, 1.0F);
        Request request = RequestFor(OperationKind::kAllreduce, "w", values.size());
        request.postscale = round + 1;
        ASSERT_TRUE(watched.rank.Submit(request, values).Wait().ok());
        EXPECT_EQ(values, Floats(values.size(), static_cast<float>(size * (round + 1))));
        EXPECT_EQ(watched.observer.TakeCounts(), (hit ? Counts(1, 0) : Counts(0, 1)));
      }
    }
  });
}

TEST_P(EngineCache, ANameMayAlternateBetweenKinds) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport, Unlocked());
    for (int step = 0; step < 40; ++step) {
      Floats values = {static_cast<float>(transport.rank() + 1)};
      const auto kind = step % 3 == 0 ? OperationKind::kBroadcast : OperationKind::kAllreduce;
      ASSERT_TRUE(rank.Submit(RequestFor(kind, "w", 1), values).Wait().ok());
      const int sum = size * (size + 1) / 2;
      EXPECT_EQ(values[0], static_cast<float>(step % 3 == 0 ? 1 : sum)) << step;
    }
  });
}

TEST_P(EngineCache, AllgathersWithChangingRowsAreRight) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport, Unlocked());
    std::mt19937 random(5);  // the same rows are known everywhere
    for (int step = 0; step < 60; ++step) {
      Floats expected;
      std::size_t mine = 0;
      for (int r = 0; r < size; ++r) {
        // Often as in the last step, and often different on some ranks only.
        const std::size_t rows = random() % 3 == 0 ? random() % 4 : static_cast<std::size_t>(r % 3);
        expected.insert(expected.end(), rows, static_cast<float>(r));
        if (r == transport.rank()) mine = rows;
      }
      Floats rows(mine, static_cast<float>(transport.rank()));
      const Handle handle =
          rank.Submit(RequestFor(OperationKind::kAllgather, "rows", rows.size()), rows);
      const Status status = handle.Wait();
      ASSERT_TRUE(status.ok()) << status.ToString();
      ASSERT_EQ(GatheredOf(handle), expected) << step;
    }
  });
}

class EngineCacheOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Capacity, EngineCacheOf, testing::Values("0", "1", "2", "3"));

TEST_P(EngineCacheOf, MoreNamesThanSlotsAreRightInAnyOrder) {
  constexpr int kNames = 7;
  for (const int size : {2, 3, 5, 8}) {
    RunRanks(size, [&](Transport& transport) {
      EngineRank rank(transport, Unlocked({{Setting::kResponseCacheCapacity, GetParam()}}));
      std::mt19937 random(static_cast<unsigned>(transport.rank()));
      std::vector<int> order(kNames);
      std::iota(order.begin(), order.end(), 0);
      for (int step = 0; step < 60; ++step) {
        std::shuffle(order.begin(), order.end(), random);
        std::vector<Floats> values(kNames);
        std::vector<Handle> handles;
        for (const int i : order) {
          values[i] = {static_cast<float>(i + step)};
          handles.push_back(rank.Sum(StrCat("t", i), values[i]));
        }
        for (const Handle& handle : handles) {
          const Status status = handle.Wait();
          ASSERT_TRUE(status.ok()) << status.ToString();
        }
        for (int i = 0; i < kNames; ++i) {
          ASSERT_EQ(values[i][0], static_cast<float>(size * (i + step)));
        }
      }
    });
  }
}

TEST(EngineCached, TheLeastRecentlyUsedIsForgotten) {
  RunRanks(2, [](Transport& transport) {
    WatchedRank watched(transport, {{Setting::kResponseCacheCapacity, "2"}});
    for (const char* name : {"a", "b", "a", "c"}) watched.rank.ExpectWorks(name, 2);
    EXPECT_EQ(watched.observer.TakeCounts(), Counts(1, 3));
    for (const char* name : {"a", "c"}) watched.rank.ExpectWorks(name, 2);
    EXPECT_EQ(watched.observer.TakeCounts(), Counts(2, 0));
    watched.rank.ExpectWorks("b", 2);
    EXPECT_EQ(watched.observer.TakeCounts(), Counts(0, 1));
  });
}

TEST(EngineCached, StragglersAreNamedOnRankZero) {
  RunRanks(5, [](Transport& transport) {
    WatchedRank watched(transport);
    for (int step = 0; step < 3; ++step) watched.rank.ExpectWorks("w", 5);
    watched.rank.ExpectWorks("barrier", 5);
    (void)watched.observer.TakeStragglers();
    watched.rank.ExpectWorks("barrier", 5);
    if (transport.rank() == 4) (void)Handle().WaitUntil(Deadline::After(0.1));
    watched.rank.ExpectWorks("w", 5);
    const std::vector<int> stragglers = watched.observer.TakeStragglers();
    if (transport.rank() != 0) {
      EXPECT_TRUE(stragglers.empty());
    } else {
      ASSERT_FALSE(stragglers.empty());
      EXPECT_EQ(stragglers.back(), 4);
    }
  });
}

}  // namespace
}  // namespace ronde
