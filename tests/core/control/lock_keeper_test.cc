#include "core/control/lock_keeper.h"

#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using Slots = std::vector<std::uint32_t>;
constexpr std::int64_t kBatchBytes = 64;  // four of the operations below

class LockKeeperTest : public testing::Test {
 protected:
  LockKeeperTest() {
    for (int slot = 0; slot < 8; ++slot) AddOperation(slot, slot == 7 ? 1 : kWorld);
  }

  void AddOperation(int slot, int set, const std::string& group = "", int group_size = 0) {
    auto response = std::make_shared<Response>();
    response->request.name = StrCat("t", slot);
    response->request.shape = {4};  // 16 bytes
    response->request.process_set = set;
    response->request.group = group;
    response->request.group_size = group_size;
    slots_.Assign(response->request.name, response, 1);
  }

  /// A list of cached operations, all asked for at once and executed one after the other's list.
  Lock Observe(Slots slots, std::int64_t asked_ns = 0) {
    ResponseList list;
    list.cached = slots;
    keeper_.Observe(list, slots_, /*quiet=*/true, kBatchBytes);
    now_ns_ += 10;
    for (const std::uint32_t slot : slots) {
      keeper_.NoteExecuted(static_cast<int>(slot), asked_ns == 0 ? now_ns_ - 10 : asked_ns,
                           now_ns_);
    }
    return list.lock;
  }

  SlotDirectory slots_{16};
  LockKeeper keeper_{2, /*lock_after=*/2};
  std::int64_t now_ns_ = 1000;
};

TEST_F(LockKeeperTest, LocksWhatHasComeTwiceInARowWhenItBeginsAgain) {
  EXPECT_EQ(Observe({0, 1, 2}).number, 0u);
  EXPECT_EQ(Observe({2, 1, 0}).number, 0u);  // another order is the same set
  const Lock lock = Observe({0, 1, 2});
  EXPECT_EQ(lock.number, 1u);
  EXPECT_EQ(lock.slots, (Slots{2, 1, 0}));
  EXPECT_EQ(lock.unit_ends, Slots{3});
  EXPECT_TRUE(keeper_.locked());
}

TEST_F(LockKeeperTest, GoesOnWhereTheIterationUnderWayHasGotTo) {
  for (int i = 0; i < 2; ++i) {
    Observe({0});
    Observe({1});
    Observe({2});
  }
  EXPECT_EQ(Observe({0}).slots, (Slots{1, 2, 0}));
}

TEST_F(LockKeeperTest, DoesNotJoinWhatWasAskedForAfterTheOtherHadCompleted) {
  Observe({0});
  Observe({1});
  Observe({0});
  Observe({1});
  const Lock lock = Observe({0});
  EXPECT_EQ(lock.unit_ends, (Slots{1, 2}));
}

TEST_F(LockKeeperTest, JoinsWhatWasAskedForBeforeTheFirstHadCompleted) {
  for (int i = 0; i < 2; ++i) {
    const std::int64_t asked_ns = now_ns_;
    Observe({0}, asked_ns);
    Observe({1, 2}, asked_ns);
    Observe({3, 4, 5}, asked_ns);  // all before 0 was done, but more than a batch
  }
  const Lock lock = Observe({0});
  EXPECT_EQ(lock.slots, (Slots{1, 2, 3, 4, 5, 0}));
  EXPECT_EQ(lock.unit_ends, (Slots{4, 5, 6}));
}

TEST_F(LockKeeperTest, KeepsAGroupInOneUnitThoughItIsMoreThanABatch) {
  for (int slot = 8; slot < 14; ++slot) AddOperation(slot, kWorld, "g", 6);
  for (int i = 0; i < 2; ++i) {
    const std::int64_t asked_ns = now_ns_;
    Observe({0, 8, 9, 10, 11, 12, 13, 1}, asked_ns);
  }
  const Lock lock = Observe({0, 8, 9, 10, 11, 12, 13, 1});
  EXPECT_EQ(lock.slots, (Slots{0, 8, 9, 10, 11, 12, 13, 1}));
  EXPECT_EQ(lock.unit_ends, (Slots{1, 7, 8}));
}

TEST_F(LockKeeperTest, KeepsAGroupInOneUnitWheneverItsMembersWereAskedFor) {
  for (int slot = 8; slot < 10; ++slot) AddOperation(slot, kWorld, "g", 2);
  // The second member is asked for once the operation before the group has completed, so the group
  // may have to wait for that; its own members are never apart.
  const auto iterate = [this] {
    ResponseList list;
    list.cached = {0, 8, 9};
    keeper_.Observe(list, slots_, /*quiet=*/true, kBatchBytes);
    keeper_.NoteExecuted(0, now_ns_, now_ns_ + 10);
    keeper_.NoteExecuted(8, now_ns_, now_ns_ + 30);
    keeper_.NoteExecuted(9, now_ns_ + 20, now_ns_ + 30);
    now_ns_ += 100;
    return list.lock;
  };
  iterate();
  iterate();
  EXPECT_EQ(iterate().unit_ends, (Slots{1, 3}));
}

TEST_F(LockKeeperTest, TellsGroupsOfOneNameApartByTheirSize) {
  for (int slot = 8; slot < 14; ++slot) AddOperation(slot, kWorld, "g", 3);
  for (int i = 0; i < 2; ++i) {
    Observe({8, 9, 10});
    Observe({11, 12, 13});
  }
  const Lock lock = Observe({8, 9, 10});
  EXPECT_EQ(lock.slots, (Slots{11, 12, 13, 8, 9, 10}));
  EXPECT_EQ(lock.unit_ends, (Slots{3, 6}));
}

TEST_F(LockKeeperTest, ADifferentIterationBeginsTheCountAnew) {
  Observe({0, 1});
  Observe({0, 1, 2});
  EXPECT_EQ(Observe({0, 1}).number, 0u);
  EXPECT_EQ(Observe({0, 1}).number, 0u);
  EXPECT_EQ(Observe({0, 1}).number, 1u);
}

TEST_F(LockKeeperTest, NeverLocksOperationsOfAProcessSetOrWhileOtherThingsGoOn) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Observe({0, 7}).number, 0u);
  for (int i = 0; i < 10; ++i) {
    ResponseList list;
    list.cached = {0, 1};
    keeper_.Observe(list, slots_, /*quiet=*/false, kBatchBytes);
    EXPECT_EQ(list.lock.number, 0u);
  }
  ResponseList negotiated;
  negotiated.responses.resize(1);
  for (int i = 0; i < 10; ++i) {
    keeper_.Observe(negotiated, slots_, true, kBatchBytes);
    EXPECT_EQ(Observe({0}).number, 0u);
  }
}

TEST_F(LockKeeperTest, ZeroIsNever) {
  LockKeeper never(2, 0);
  for (int i = 0; i < 100; ++i) {
    ResponseList list;
    list.cached = {0};
    never.Observe(list, slots_, true, kBatchBytes);
    EXPECT_EQ(list.lock.number, 0u);
  }
}

TEST_F(LockKeeperTest, EndsALockWithTheLeastThatAnyRankHasPledged) {
  for (int i = 0; i < 3; ++i) Observe({0});
  ASSERT_TRUE(keeper_.locked());
  EXPECT_FALSE(keeper_.has_news());
  keeper_.RequestUnlock(now_ns_, 7);  // of a lock that is not in force
  EXPECT_FALSE(keeper_.has_news());
  keeper_.RequestUnlock(now_ns_, 1);
  ResponseList freeze;
  keeper_.Fill(freeze);
  EXPECT_EQ(freeze.freeze, 1u);
  EXPECT_FALSE(keeper_.has_news());
  keeper_.AddFrozen(0, 1, 12);
  EXPECT_FALSE(keeper_.has_news());
  ASSERT_TRUE(keeper_.Waiting().has_value());
  EXPECT_EQ(keeper_.Waiting()->missing, std::vector<int>{1});
  keeper_.AddFrozen(1, 1, 9);
  ASSERT_TRUE(keeper_.has_news());
  ResponseList unlocked;
  keeper_.Fill(unlocked);
  EXPECT_EQ(unlocked.unlocked, 1u);
  EXPECT_EQ(unlocked.executed, 9u);
  EXPECT_FALSE(keeper_.locked());
}

TEST_F(LockKeeperTest, WaitsLongerAfterALockThatDidNotLast) {
  for (int i = 0; i < 3; ++i) Observe({0});
  keeper_.RequestUnlock(now_ns_);
  ResponseList list;
  keeper_.Fill(list);
  keeper_.AddFrozen(0, 1, 0);
  keeper_.AddFrozen(1, 1, 0);
  keeper_.Fill(list);
  int lists = 0;
  while (Observe({0}).number == 0) ASSERT_LT(++lists, 100);
  EXPECT_EQ(lists, 4);  // twice --lock-after
}

TEST_F(LockKeeperTest, AnInterruptedLockComesAgainAsSoon) {
  for (int i = 0; i < 3; ++i) Observe({0});
  keeper_.Interrupt(now_ns_);
  ResponseList list;
  keeper_.Fill(list);
  keeper_.AddFrozen(0, 1, 0);
  keeper_.AddFrozen(1, 1, 0);
  keeper_.Fill(list);
  keeper_.Interrupt(now_ns_);  // nothing to interrupt
  EXPECT_EQ(Observe({0}).number, 0u);
  EXPECT_EQ(Observe({0}).number, 0u);
  EXPECT_EQ(Observe({0}).number, 2u);
}

}  // namespace
}  // namespace ronde
