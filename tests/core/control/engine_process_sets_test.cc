// Process sets through the whole engine.
#include <algorithm>
#include <latch>
#include <random>

#include <gtest/gtest.h>

#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;
using Members = std::vector<std::int64_t>;

bool Has(const Members& members, int rank) {
  return std::find(members.begin(), members.end(), rank) != members.end();
}

class EngineSets : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineSets, testing::Values(1, 2, 3, 4, 8));

TEST_P(EngineSets, OverlappingSetsSumOverTheirMembersInAnyOrder) {
  const int size = GetParam();
  std::vector<Members> sets = {{0}, {size - 1}, {}, {}, {}};
  for (int rank = 0; rank < size; ++rank) {
    sets[2].push_back(rank);
    if (rank % 2 == 0) sets[3].push_back(rank);
    if (rank >= size / 2) sets[4].push_back(rank);
  }
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<int> mine;  // of sets
    std::vector<int> numbers;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      numbers.push_back(rank.AddSet(sets[i]));
      EXPECT_EQ(numbers.back(), static_cast<int>(i) + 1);
      if (Has(sets[i], transport.rank())) mine.push_back(static_cast<int>(i));
    }
    std::mt19937 random(static_cast<unsigned>(transport.rank()));
    for (int step = 0; step < 100; ++step) {
      std::shuffle(mine.begin(), mine.end(), random);
      std::vector<Floats> values(sets.size(), Floats{1, static_cast<float>(step)});
      std::vector<Handle> handles;
      for (const int set : mine) handles.push_back(rank.SumIn(numbers[set], "w", values[set]));
      Floats world = {1};
      ASSERT_TRUE(rank.Sum("w", world).Wait().ok());
      EXPECT_EQ(world[0], static_cast<float>(size));
      for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok());
      for (const int set : mine) {
        const auto count = static_cast<float>(sets[set].size());
        ASSERT_EQ(values[set], (Floats{count, count * static_cast<float>(step)}));
      }
    }
    for (const int number : numbers) EXPECT_TRUE(rank.RemoveSet(number).Wait().ok());
    rank.ExpectWorks("w", size);
    EXPECT_TRUE(rank.engine.Shutdown().ok());
  });
}

TEST(EngineSet, RootsAndRowsCountItsRanks) {
  RunRanks(4, [](Transport& transport) {
    EngineRank rank(transport);
    const int set = rank.AddSet({1, 3});
    const int me = transport.rank();
    if (me % 2 == 0) return;
    for (int round = 0; round < 3; ++round) {  // in full, then cached
      Floats values = {static_cast<float>(me)};
      Request cast = RequestFor(OperationKind::kBroadcast, "cast", 1);
      cast.process_set = set;
      cast.root = 1;
      ASSERT_TRUE(rank.Submit(cast, values).Wait().ok());
      EXPECT_EQ(values[0], 3);

      Floats rows(static_cast<std::size_t>(me), static_cast<float>(me));
      Request gather = RequestFor(OperationKind::kAllgather, "gather", rows.size());
      gather.process_set = set;
      const Handle gathered = rank.Submit(gather, rows);
      ASSERT_TRUE(gathered.Wait().ok());
      EXPECT_EQ(GatheredOf(gathered), (Floats{1, 3, 3, 3}));

      Floats exchange = {10.0F * static_cast<float>(me), 20.0F * static_cast<float>(me)};
      Request alltoall = RequestFor(OperationKind::kAlltoall, "exchange", 2);
      alltoall.process_set = set;
      alltoall.splits = {1, 1};
      const Handle exchanged = rank.Submit(alltoall, exchange);
      ASSERT_TRUE(exchanged.Wait().ok());
      EXPECT_EQ(GatheredOf(exchanged), (me == 1 ? Floats{10, 30} : Floats{20, 60}));

      Request mean = RequestFor(OperationKind::kAllreduce, "mean", 1);
      mean.process_set = set;
      mean.op = ReduceOp::kAverage;
      values = {static_cast<float>(me)};
      ASSERT_TRUE(rank.Submit(mean, values).Wait().ok());
      EXPECT_EQ(values[0], 2);
    }
  });
}

TEST(EngineSet, ThatIsUnknownOrForeignIsRefused) {
  RunRanks(3, [](Transport& transport) {
    EngineRank rank(transport);
    const int set = rank.AddSet({0, 2});
    Floats values = {1};
    for (const int unknown : {-1, set + 1, 1000}) {
      const Status status = rank.SumIn(unknown, "w", values).Wait();
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_NE(status.message().find("does not exist"), std::string::npos) << status.message();
    }
    if (transport.rank() == 1) {
      EXPECT_EQ(rank.SumIn(set, "w", values).Wait(),
                Status::InvalidArgument("tensor 'w': rank 1 does not belong to process set 1, "
                                        "which has ranks [0, 2]"));
    } else {
      EXPECT_TRUE(rank.SumIn(set, "w", values).Wait().ok());
      EXPECT_EQ(values[0], 2);
    }
    rank.ExpectWorks("w", 3);
  });
}

TEST(EngineSet, BadMembersAreTheSameErrorOnAllRanks) {
  for (const Members& members : std::vector<Members>{{}, {0, 3}, {1, 0}, {2, 2}, {-1}}) {
    std::vector<Status> statuses(3);
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport);
      Request add = RequestFor(OperationKind::kAddProcessSet, "add");
      add.members = members;
      statuses[transport.rank()] = rank.Submit(add).Wait();
      EXPECT_EQ(rank.AddSet({0, 1, 2}), 1);
    });
    EXPECT_EQ(statuses[0].code(), StatusCode::kInvalidArgument) << statuses[0].ToString();
    ExpectSameOnAllRanks(statuses);
  }
}

TEST(EngineSet, MembersThatDifferAreAMismatchOnAllRanks) {
  std::vector<Status> statuses(3);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport);
    Request add = RequestFor(OperationKind::kAddProcessSet, "add");
    add.members = {transport.rank() == 2 ? 1 : 0};
    statuses[transport.rank()] = rank.Submit(add).Wait();
    EXPECT_EQ(rank.AddSet({1}), 1);
  });
  EXPECT_EQ(statuses[0].code(), StatusCode::kMismatch);
  ExpectSameOnAllRanks(statuses);
}

TEST(EngineSet, ChangesInDifferentOrdersGiveTheSameNumbersEverywhere) {
  constexpr int kSets = 12;
  std::vector<std::vector<int>> numbers(4, std::vector<int>(kSets));
  RunRanks(4, [&](Transport& transport) {
    EngineRank rank(transport);
    std::mt19937 random(static_cast<unsigned>(transport.rank()));
    std::vector<int> order(kSets);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    std::vector<Handle> handles(kSets);
    for (const int i : order) {
      Request add = RequestFor(OperationKind::kAddProcessSet, StrCat("add", i));
      add.members = {i % 4};
      handles[i] = rank.Submit(add);
    }
    for (int i = 0; i < kSets; ++i) {
      EXPECT_TRUE(handles[i].Wait().ok());
      numbers[transport.rank()][i] = handles[i].result().process_set;
    }
    EXPECT_TRUE(rank.RemoveSet(3).Wait().ok());
    EXPECT_EQ(rank.RemoveSet(3).Wait().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(rank.AddSet({0, 1}), kSets + 1) << "never used again";
  });
  for (const std::vector<int>& of_rank : numbers) EXPECT_EQ(of_rank, numbers[0]);
  std::sort(numbers[0].begin(), numbers[0].end());
  for (int i = 0; i < kSets; ++i) EXPECT_EQ(numbers[0][i], i + 1);
}

TEST(EngineSet, OneThatWaitsForEverDoesNotHoldUpAnother) {
  for (const bool cached : {false, true}) {
    std::latch others_are_done(2);
    std::latch looked(1);
    RunRanks(4, [&](Transport& transport) {
      EngineRank rank(transport);
      const int waiting = rank.AddSet({0, 1});
      const int busy = rank.AddSet({2, 3});
      Floats values = {1};
      const int me = transport.rank();
      if (cached) {
        ASSERT_TRUE(rank.SumIn(me < 2 ? waiting : busy, "w", values).Wait().ok());
      }
      values = {1};
      if (me == 0) {
        const Handle handle = rank.SumIn(waiting, "w", values);
        others_are_done.wait();
        EXPECT_FALSE(handle.Poll());
        looked.count_down();
        EXPECT_TRUE(handle.Wait().ok());
      } else if (me == 1) {
        looked.wait();
        EXPECT_TRUE(rank.SumIn(waiting, "w", values).Wait().ok());
      } else {
        for (int step = 0; step < 50; ++step) {
          Floats sum = {1};
          EXPECT_TRUE(rank.SumIn(busy, "w", sum).Wait().ok());
          EXPECT_EQ(sum[0], 2);
        }
        others_are_done.count_down();
      }
    });
  }
}

TEST(EngineSet, ItsRemovalEndsWhatWaitsInItOnItsMembers) {
  for (const bool cached : {false, true}) {
    for (const int submitter : {0, 1}) {
      RunRanks(3, [&](Transport& transport) {
        EngineRank rank(transport);
        const int set = rank.AddSet({0, 1});
        Floats values = {1};
        const int me = transport.rank();
        if (cached && me < 2) {
          ASSERT_TRUE(rank.SumIn(set, "w", values).Wait().ok());
        }
        Handle waits;
        if (me == submitter) waits = rank.SumIn(set, "w", values);
        EXPECT_TRUE(rank.RemoveSet(set).Wait().ok());
        if (me == submitter) {
          EXPECT_EQ(waits.Wait(), Status::InvalidArgument("tensor 'w': process set 1 was removed"));
        }
        EXPECT_EQ(rank.SumIn(set, "w", values).Wait().code(), StatusCode::kInvalidArgument);
        EXPECT_EQ(rank.AddSet({1, 2}), 2);
        if (me > 0) {
          EXPECT_TRUE(rank.SumIn(2, "w", values).Wait().ok());
        }
        rank.ExpectWorks("w", 3);
        EXPECT_TRUE(rank.engine.Shutdown().ok());
      });
    }
  }
}

TEST(EngineSet, ItsRemovalRightBehindAnOperationLetsThatEndInOneOfTwoWays) {
  RunRanks(3, [](Transport& transport) {
    EngineRank rank(transport, {{Setting::kCycleTimeMs, "1"}});
    for (int round = 0; round < 40; ++round) {
      const int set = rank.AddSet({0, 2});
      std::vector<Floats> values(3, Floats{1});
      std::vector<Handle> handles;
      if (transport.rank() != 1) {
        if (round % 2 == 0) {
          ASSERT_TRUE(rank.SumIn(set, "w", values[0]).Wait().ok());
        }
        values[0] = {1};
        handles.push_back(rank.SumIn(set, "w", values[0]));
        handles.push_back(rank.SumIn(set, "v", values[1]));
      }
      const Handle removal = rank.RemoveSet(set);
      ASSERT_TRUE(removal.Wait().ok()) << removal.Wait().ToString();
      for (std::size_t i = 0; i < handles.size(); ++i) {
        const Status status = handles[i].Wait();
        if (status.ok()) {
          EXPECT_EQ(values[i][0], 2);
        } else {
          EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.ToString();
        }
      }
    }
    const Status status = rank.engine.Shutdown();
    EXPECT_TRUE(status.ok()) << status.ToString();
  });
}

TEST(EngineSet, GoesOnWhenARankOutsideOfItHasShutDown) {
  RunRanks(4, [](Transport& transport) {
    EngineRank rank(transport);
    const int set = rank.AddSet({0, 2, 3});  // rank 3 is below rank 1 in the tree
    Floats values = {1};
    if (transport.rank() == 1) return;
    for (int step = 0; step < 20; ++step) {
      values = {1};
      ASSERT_TRUE(rank.SumIn(set, "w", values).Wait().ok());
      EXPECT_EQ(values[0], 3);
    }
    EXPECT_EQ(rank.Sum("world", values).Wait().code(), StatusCode::kShutdown);
    EXPECT_EQ(rank.RemoveSet(set).Wait().code(), StatusCode::kShutdown);
  });
}

}  // namespace
}  // namespace ronde
