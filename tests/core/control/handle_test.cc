#include "core/control/handle.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(Handle, StartsIncomplete) {
  const Handle handle;
  EXPECT_FALSE(handle.Poll());
  EXPECT_EQ(handle.WaitUntil(Deadline::After(0.001)).code(), StatusCode::kTimeout);
  EXPECT_FALSE(handle.Poll());
}

TEST(Handle, CompletesOnceForAllCopies) {
  const Handle handle;
  const Handle copy = handle;
  handle.Complete(Status::Mismatch("first"));
  copy.Complete(Status::Ok());
  EXPECT_TRUE(copy.Poll());
  EXPECT_EQ(copy.Wait(), Status::Mismatch("first"));
  EXPECT_EQ(copy.WaitUntil(Deadline::After(10)), Status::Mismatch("first"));
}

TEST(Handle, CompletedCarriesItsResult) {
  OperationResult result;
  result.performed = false;
  const Handle handle = Handle::Completed(Status::Ok(), result);
  ASSERT_TRUE(handle.Poll());
  EXPECT_FALSE(handle.result().performed);
}

TEST(Handle, WakesWaitersOfOtherThreads) {
  Handle handle;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([handle] {
      EXPECT_TRUE(handle.Wait().ok());
      EXPECT_EQ(handle.result().gathered_shape, Shape{7});
    });
  }
  handle.mutable_result().gathered_shape = {7};
  handle.Complete(Status::Ok());
  for (std::thread& waiter : waiters) waiter.join();
}

TEST(Handle, CallsEveryCallbackOnce) {
  const Handle handle;
  std::vector<int> calls;
  handle.OnComplete([&](const Status&) { calls.push_back(1); });
  handle.OnComplete([&](const Status& status) {
    calls.push_back(status.code() == StatusCode::kTimeout ? 2 : -1);
    handle.OnComplete([&](const Status&) { calls.push_back(3); });  // completed: runs at once
  });
  EXPECT_TRUE(calls.empty());
  handle.Complete(Status::Timeout("late"));
  handle.Complete(Status::Ok());
  EXPECT_EQ(calls, (std::vector<int>{1, 2, 3}));
}

class Owner final : public HandleOwner {
 public:
  void BeforeCompletion(void* item, const Status& status) override {
    items.push_back(item);
    EXPECT_TRUE(status.ok());
    EXPECT_FALSE(handle.Poll()) << "seen before the owner was told";
  }

  std::vector<void*> items;
  Handle handle{nullptr};
};

TEST(Handle, TellsItsOwnerBeforeAnyoneSeesCompletion) {
  Owner owner;
  owner.handle = Handle(owner, &owner);
  owner.handle.OnComplete([&](const Status&) { EXPECT_EQ(owner.items.size(), 1U); });
  owner.handle.Complete(Status::Ok());
  owner.handle.Complete(Status::Ok());
  EXPECT_TRUE(owner.handle.Poll());
  EXPECT_EQ(owner.items, std::vector<void*>{&owner});
}

TEST(Handle, HasAnEmptyResultWhereNothingWasDelivered) {
  const Handle handle;
  handle.Complete(Status::Ok());
  EXPECT_TRUE(handle.result().performed);
  EXPECT_TRUE(handle.result().gathered.empty());
}

}  // namespace
}  // namespace ronde
