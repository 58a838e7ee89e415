#include "core/control/slot_directory.h"

#include <set>

#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

std::shared_ptr<Response> ResponseIn(int set = kWorld) {
  auto response = std::make_shared<Response>();
  response->request.process_set = set;
  return response;
}

TEST(SlotDirectory, WithoutCapacityIsAlwaysFull) {
  const SlotDirectory slots(0);
  EXPECT_TRUE(slots.IsFull());
  EXPECT_EQ(slots.Oldest(), -1);
  EXPECT_EQ(slots.Find("a"), -1);
  EXPECT_FALSE(slots.Holds(0));
}

TEST(SlotDirectory, EverySlotIsOfOneOperation) {
  SlotDirectory slots(3);
  std::set<int> used;
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_FALSE(slots.IsFull());
    const auto response = ResponseIn();
    const int slot = slots.Assign(key, response, 4);
    EXPECT_GE(slot, 0);
    EXPECT_LT(slot, 3);
    used.insert(slot);
    EXPECT_EQ(slots.Find(key), slot);
    EXPECT_EQ(slots.KeyOfSlot(slot), key);
    EXPECT_EQ(slots.ResponseOf(slot), response);
    EXPECT_EQ(slots.changed_in(slot), 4u);
  }
  EXPECT_EQ(used.size(), 3u);
  EXPECT_TRUE(slots.IsFull());
}

TEST(SlotDirectory, TheLeastRecentlyUsedIsTheOldest) {
  SlotDirectory slots(3);
  const int a = slots.Assign("a", ResponseIn(), 1);
  const int b = slots.Assign("b", ResponseIn(), 1);
  const int c = slots.Assign("c", ResponseIn(), 1);
  EXPECT_EQ(slots.Oldest(), a);
  slots.Touch(a, 2);
  EXPECT_EQ(slots.changed_in(a), 2u);
  EXPECT_EQ(slots.Oldest(), b);
  slots.Touch(c, 3);
  slots.Touch(b, 3);
  EXPECT_EQ(slots.Oldest(), a);
}

TEST(SlotDirectory, APinnedSlotIsNotTheOldestUntilItIsTouched) {
  SlotDirectory slots(2);
  const int a = slots.Assign("a", ResponseIn(3), 1);
  const int b = slots.Assign("b", ResponseIn(3), 1);
  slots.Pin(a);
  slots.Pin(a);
  EXPECT_TRUE(slots.IsPinned(a));
  EXPECT_EQ(slots.Oldest(), b);
  slots.Pin(b);
  EXPECT_EQ(slots.Oldest(), -1);
  EXPECT_TRUE(slots.IsFull());
  EXPECT_EQ(slots.Find("a"), a);
  EXPECT_EQ(slots.SlotsOf(3).size(), 2u);
  slots.Touch(a, 5);
  EXPECT_FALSE(slots.IsPinned(a));
  EXPECT_EQ(slots.Oldest(), a);
  slots.Evict(b, 6);
  EXPECT_FALSE(slots.Holds(b));
  EXPECT_EQ(slots.Assign("c", ResponseIn(), 7), b);
  EXPECT_FALSE(slots.IsPinned(b));
}

TEST(SlotDirectory, AnEvictedSlotIsFreeAndMeansNothing) {
  SlotDirectory slots(1);
  const int slot = slots.Assign("a", ResponseIn(), 1);
  slots.Evict(slot, 2);
  EXPECT_FALSE(slots.Holds(slot));
  EXPECT_EQ(slots.Find("a"), -1);
  EXPECT_EQ(slots.Oldest(), -1);
  EXPECT_EQ(slots.changed_in(slot), 2u);
  ASSERT_FALSE(slots.IsFull());
  EXPECT_EQ(slots.Assign("b", ResponseIn(), 3), slot);
  EXPECT_EQ(slots.Find("a"), -1);
  EXPECT_EQ(slots.Find("b"), slot);
}

TEST(SlotDirectory, SlotsOutsideOfItsCapacityHoldNothing) {
  SlotDirectory slots(2);
  slots.Assign("a", ResponseIn(), 1);
  for (const int slot : {-1, 2, 1 << 30}) EXPECT_FALSE(slots.Holds(slot)) << slot;
}

TEST(SlotDirectory, FindsTheSlotsOfAProcessSet) {
  SlotDirectory slots(4);
  slots.Assign("w", ResponseIn(), 1);
  const int a = slots.Assign("a", ResponseIn(2), 1);
  const int b = slots.Assign("b", ResponseIn(2), 1);
  const std::vector<int> found = slots.SlotsOf(2);
  EXPECT_EQ(std::set<int>(found.begin(), found.end()), (std::set<int>{a, b}));
  EXPECT_TRUE(slots.SlotsOf(1).empty());
}

TEST(SlotDirectory, CachesWhatIsAskedForAgainAndAgain) {
  const auto cacheable = [](OperationKind kind) {
    Request request;
    request.kind = kind;
    return SlotDirectory::IsCacheable(request);
  };
  using enum OperationKind;
  for (const OperationKind kind :
       {kAllreduce, kBroadcast, kAllgather, kBarrier, kReducescatter, kAlltoall}) {
    EXPECT_TRUE(cacheable(kind)) << Name(kind);
  }
  for (const OperationKind kind :
       {kModelAverage, kAllocate, kJoin, kAddProcessSet, kRemoveProcessSet}) {
    EXPECT_FALSE(cacheable(kind)) << Name(kind);
  }
}

}  // namespace
}  // namespace ronde
