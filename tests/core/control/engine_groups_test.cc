// Groups of operations of any kind: all or nothing.
#include <latch>
#include <random>

#include <gtest/gtest.h>

#include "tests/core/control/engine_fixture.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;

Request Member(Request request, const std::string& group, int size) {
  request.group = group;
  request.group_size = size;
  return request;
}

class EngineGroups : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, EngineGroups, testing::Values(1, 2, 3, 8));

TEST_P(EngineGroups, MembersOfAllKindsRunTogetherWhateverTheOrder) {
  const int size = GetParam();
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    std::vector<std::size_t> members_at_once;
    rank.executor.set_before([&](std::span<const ReadyOperation> operations) {
      std::size_t members = 0;
      for (const ReadyOperation& operation : operations) {
        members += operation.response->request.group.empty() ? 0 : 1;
      }
      if (members > 0) members_at_once.push_back(members);
      return Status::Ok();
    });
    std::mt19937 random(static_cast<unsigned>(transport.rank()));
    for (int step = 0; step < 30; ++step) {
      const auto me = static_cast<float>(transport.rank());
      Floats sum = {1};
      Floats cast = {me};
      Floats rows = {me};
      Floats input(static_cast<std::size_t>(size), 1.0F);
      std::vector<Request> requests = {RequestFor(OperationKind::kAllreduce, "sum", 1),
                                       RequestFor(OperationKind::kBroadcast, "cast", 1),
                                       RequestFor(OperationKind::kAllgather, "rows", 1),
                                       RequestFor(OperationKind::kReducescatter, "part", size)};
      const std::vector<Floats*> buffers = {&sum, &cast, &rows, &input};
      std::vector<int> order = {0, 1, 2, 3};
      std::shuffle(order.begin(), order.end(), random);
      std::vector<Handle> handles(4);
      for (const int i : order) {
        handles[i] = rank.Submit(Member(requests[i], "g", 4), *buffers[i]);
        if (i == 1) rank.ExpectWorks("between", size);
      }
      for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok());
      EXPECT_EQ(sum[0], static_cast<float>(size));
      EXPECT_EQ(cast[0], 0);
      EXPECT_EQ(GatheredOf(handles[2]).size(), static_cast<std::size_t>(size));
      EXPECT_EQ(input[0], static_cast<float>(size));
    }
    EXPECT_TRUE(rank.engine.Shutdown().ok());
    EXPECT_EQ(members_at_once, std::vector<std::size_t>(30, 4));
  });
}

TEST_P(EngineGroups, AMemberThatMismatchesFailsAllOfThemAlikeAndTheNextRoundWorks) {
  const int size = GetParam();
  if (size == 1) return;
  std::vector<Status> statuses(size);
  RunRanks(size, [&](Transport& transport) {
    EngineRank rank(transport);
    for (int round = 0; round < 6; ++round) {
      const bool fails = round % 2 == 1;
      std::vector<Floats> values(3, Floats{1});
      if (fails && transport.rank() == size - 1) values[1] = {1, 1};
      std::vector<Handle> handles;
      for (int i = 0; i < 3; ++i) {
        handles.push_back(rank.SumInGroup("g", 3, StrCat("t", i), values[i]));
      }
      for (int i = 0; i < 3; ++i) {
        const Status status = handles[i].Wait();
        EXPECT_EQ(status.code(), fails ? StatusCode::kMismatch : StatusCode::kOk)
            << status.ToString();
        EXPECT_EQ(values[i][0], fails ? 1 : static_cast<float>(size));
        if (fails && i == 2) statuses[transport.rank()] = status;
      }
    }
  });
  ExpectSameOnAllRanks(statuses);
  EXPECT_TRUE(statuses[0].message().starts_with("tensor 't2': its group 'g' failed: tensor 't1'"))
      << statuses[0].message();
}

TEST(EngineGroup, WaitsForAMemberThatOneRankHasNotSubmitted) {
  for (const bool cached : {false, true}) {
    std::latch looked(3);
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport);
      std::vector<Floats> values(2, Floats{1});
      for (int round = cached ? 0 : 1; round < 2; ++round) {
        const bool late = round == 1 && transport.rank() == 1;
        std::vector<Handle> handles = {rank.SumInGroup("g", 2, "a", values[0])};
        if (!late) handles.push_back(rank.SumInGroup("g", 2, "b", values[1]));
        if (round == 1) {
          rank.ExpectWorks("x", 3);
          rank.ExpectWorks("x", 3);
          for (const Handle& handle : handles) EXPECT_FALSE(handle.Poll());
          looked.arrive_and_wait();
        }
        if (late) handles.push_back(rank.SumInGroup("g", 2, "b", values[1]));
        for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok());
      }
    });
  }
}

TEST(EngineGroup, OfAnotherSizeOnOneRankFailsAndTheNameCanBeUsedAgain) {
  std::vector<Status> statuses(3);
  RunRanks(3, [&](Transport& transport) {
    EngineRank rank(transport);
    const int me = transport.rank();
    std::vector<Floats> values(2, Floats{1});
    const int size = me == 2 ? 3 : 2;
    const Handle a = rank.SumInGroup("g", size, "a", values[0]);
    const Handle b = rank.SumInGroup("g", size, "b", values[1]);
    statuses[me] = a.Wait();
    EXPECT_EQ(b.Wait().code(), StatusCode::kMismatch);
    for (int round = 0; round < 3; ++round) {
      const Handle again_a = rank.SumInGroup("g", 2, "a", values[0]);
      const Handle again_b = rank.SumInGroup("g", 2, "b", values[1]);
      EXPECT_TRUE(again_a.Wait().ok()) << again_a.Wait().ToString();
      EXPECT_TRUE(again_b.Wait().ok());
    }
  });
  EXPECT_EQ(statuses[0].code(), StatusCode::kMismatch);
  ExpectSameOnAllRanks(statuses);
}

TEST(EngineGroup, SpansDataTypes) {
  RunRanks(2, [](Transport& transport) {
    EngineRank rank(transport);
    rank.executor.set_before([](std::span<const ReadyOperation> operations) {
      return operations.size() == 2 ? Status::Ok() : Status::Internal("not together");
    });
    Floats values = {1};
    const Handle floats = rank.SumInGroup("g", 2, "f", values);
    Request barrier = Member(RequestFor(OperationKind::kBarrier, "i"), "g", 2);
    barrier.dtype = DataType::kInt64;
    const Handle integers = rank.Submit(barrier);
    EXPECT_TRUE(floats.Wait().ok()) << floats.Wait().ToString();
    EXPECT_TRUE(integers.Wait().ok());
  });
}

TEST(EngineGroup, SmallCachesAndHeldMembersGoTogether) {
  for (const char* capacity : {"0", "1", "2", "3"}) {
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport, {{Setting::kResponseCacheCapacity, capacity}});
      for (int step = 0; step < 20; ++step) {
        std::vector<Floats> values(2, Floats{1});
        const Handle a = rank.SumInGroup("g", 2, "a", values[0]);
        for (int i = 0; i < 4; ++i) rank.ExpectWorks(StrCat("t", (step + i) % 5), 3);
        EXPECT_FALSE(a.Poll());
        const Handle b = rank.SumInGroup("g", 2, "b", values[1]);
        ASSERT_TRUE(a.Wait().ok()) << a.Wait().ToString();
        ASSERT_TRUE(b.Wait().ok());
        EXPECT_EQ(values[0][0], 3);
      }
      const Status status = rank.engine.Shutdown();
      EXPECT_TRUE(status.ok()) << status.ToString();
    });
  }
}

TEST(EngineGroup, FailsWhenARankShutsDownInTheMiddleOfIt) {
  RunRanks(3, [](Transport& transport) {
    EngineRank rank(transport);
    std::vector<Floats> values(2, Floats{1});
    const Handle a = rank.SumInGroup("g", 2, "a", values[0]);
    if (transport.rank() == 1) {
      (void)rank.engine.Shutdown();
    } else {
      EXPECT_EQ(rank.SumInGroup("g", 2, "b", values[1]).Wait().code(), StatusCode::kShutdown);
    }
    EXPECT_EQ(a.Wait().code(), StatusCode::kShutdown);
    EXPECT_EQ(values[0][0], 1);
  });
}

TEST(EngineGroup, CannotHoldAChangeOfTheWorld) {
  RunRanks(2, [](Transport& transport) {
    EngineRank rank(transport);
    Request add = Member(RequestFor(OperationKind::kAddProcessSet, "add"), "g", 2);
    add.members = {0};
    EXPECT_EQ(rank.Submit(add).Wait().code(), StatusCode::kInvalidArgument);
    Floats values = {1};
    EXPECT_EQ(rank.SumInGroup("g", 2, "w", values).Wait().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(
        rank.Submit(Member(RequestFor(OperationKind::kJoin, "ronde.join"), "h", 1)).Wait().code(),
        StatusCode::kInvalidArgument);
    rank.ExpectWorks("w", 2);
    EXPECT_EQ(rank.AddSet({0}), 1);
  });
}

TEST(EngineGroupsInDispute, WhoGaveMoreThanTheOthersLearnsItOfEveryMember) {
  for (int round = 0; round < 20; ++round) {
    RunRanks(3, [&](Transport& transport) {
      EngineRank rank(transport, {{Setting::kLockAfter, "0"}});
      const int mine = transport.rank() == round % 3 ? 2 : 4;
      for (int step = 0; step < 3; ++step) {
        // In the second step they disagree.
        const int size = step == 1 ? mine : 4;
        std::vector<Floats> values(size, Floats{1});
        std::vector<Handle> handles;
        for (int i = 0; i < size; ++i) {
          handles.push_back(rank.SumInGroup("g", size, StrCat("t", i), values[i]));
        }
        for (const Handle& handle : handles) {
          const Status status = handle.WaitUntil(Deadline::After(20));
          EXPECT_EQ(status.code(), step == 1 ? StatusCode::kMismatch : StatusCode::kOk)
              << status.ToString();
        }
      }
      EXPECT_TRUE(rank.engine.Shutdown().ok());
    });
  }
}

}  // namespace
}  // namespace ronde
