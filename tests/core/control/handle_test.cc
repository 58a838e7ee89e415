#include "core/control/handle.h"

#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/device/event.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"

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
  Handle handle;
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

TEST(Handle, CompletesSeveralAtOnce) {
  Owner one;
  Owner other;
  std::vector<Handle> handles;
  for (int i = 0; i < 200; ++i) handles.emplace_back(i % 3 == 0 ? one : other, &handles);
  handles.emplace_back();
  handles[7].Complete(Status::Ok());
  int called = 0;
  handles[9].OnComplete([&](const Status& status) { called += status.ok() ? 1 : 100; });
  one.handle = handles.back();
  other.handle = handles.back();
  const auto complete = [&handles](std::size_t begin) {
    std::vector<Handle> copies(handles.begin() + static_cast<std::ptrdiff_t>(begin), handles.end());
    std::vector<Handle*> all;
    for (Handle& handle : copies) all.push_back(&handle);
    Handle::CompleteAll(all);
    for (const Handle& handle : copies) EXPECT_FALSE(handle);  // it has let go of them
  };
  complete(10);
  EXPECT_FALSE(handles[9].Poll());
  one.handle = Handle();
  other.handle = Handle();
  complete(0);
  for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok());
  EXPECT_EQ(one.items.size() + other.items.size(), 200U);
  EXPECT_EQ(called, 1);
}

TEST(Handle, EveryWaiterWakesWhateverComesWhen) {
  for (int i = 0; i < 300; ++i) {
    const Handle handle;
    int called = 0;
    std::thread waiter([handle] { EXPECT_TRUE(handle.Wait().ok()); });
    std::thread timed([handle] { EXPECT_TRUE(handle.WaitUntil(Deadline::After(60)).ok()); });
    std::thread caller([&] { handle.OnComplete([&](const Status&) { ++called; }); });
    handle.Complete(Status::Ok());
    for (std::thread* thread : {&waiter, &timed, &caller}) thread->join();
    EXPECT_EQ(called, 1);
  }
}

// An operation of a device: `source` is copied to its output on a stream that is held back.
class IssuedHandle : public testing::Test {
 protected:
  void SetUp() override {
    device_.Hold(work_.view().native);
    ASSERT_TRUE(device_.Copy(&output_, &source_, sizeof(output_), work_.view().native).ok());
    Result<std::shared_ptr<const Event>> done = events_.Record(work_.view());
    ASSERT_TRUE(done.ok());
    done_ = std::move(done).value();
  }

  SimulatedDevice device_;
  EventPool events_{device_};
  Stream work_ = Stream::Create(device_, StreamPriority::kHigh).value();
  Stream consumer_ = Stream::Create(device_, StreamPriority::kDefault).value();
  std::int64_t source_ = 7;
  std::int64_t output_ = 0;
  std::int64_t seen_ = 0;
  std::shared_ptr<const Event> done_;
};

TEST_F(IssuedHandle, LetsAStreamWaitInPlaceOfTheHost) {
  const Handle handle;
  EXPECT_FALSE(handle.issued());
  handle.Issue(done_);
  EXPECT_TRUE(handle.issued());
  EXPECT_FALSE(handle.Poll()) << "the work has not even begun";
  EXPECT_TRUE(handle.WaitOn(consumer_.view()).ok());
  const StreamView consumer = consumer_.view();
  ASSERT_TRUE(device_.Copy(&seen_, &output_, sizeof(seen_), consumer.native).ok());
  device_.Resume(work_.view().native);
  ASSERT_TRUE(device_.Synchronize(consumer.native, Deadline::After(10)).ok());
  EXPECT_EQ(seen_, 7);
}

TEST_F(IssuedHandle, TellsItsOwnerWhenItIsIssuedAndOnlyThen) {
  Owner owner;
  owner.handle = Handle(owner, &owner);
  owner.handle.Issue(done_);
  EXPECT_EQ(owner.items.size(), 1U);
  owner.handle.Complete(Status::Ok());
  EXPECT_EQ(owner.items.size(), 1U);
  device_.Resume(work_.view().native);
}

TEST_F(IssuedHandle, WaitsForCompletionAndItsStatus) {
  const Handle handle;
  handle.Issue(done_);
  EXPECT_EQ(handle.WaitUntil(Deadline::After(0.001)).code(), StatusCode::kTimeout);
  handle.Complete(Status::Aborted("rank 1 has ended"));
  EXPECT_EQ(handle.Wait(), Status::Aborted("rank 1 has ended"));
  EXPECT_EQ(handle.WaitOn(consumer_.view()), Status::Aborted("rank 1 has ended"));
  device_.Resume(work_.view().native);
}

TEST_F(IssuedHandle, WakesWhoeverWaitsForTheIssue) {
  const Handle handle;
  std::thread waiter([&] { EXPECT_TRUE(handle.WaitOn(consumer_.view()).ok()); });
  handle.Issue(done_);
  waiter.join();
  device_.Resume(work_.view().native);
}

TEST(Handle, WaitOnReturnsTheStatusOfWhatWasNeverIssued) {
  const Handle handle = Handle::Completed(Status::Mismatch("shapes"));
  EXPECT_TRUE(handle.issued());
  EXPECT_EQ(handle.WaitOn({}), Status::Mismatch("shapes"));
}

TEST(Handle, HasAnEmptyResultWhereNothingWasDelivered) {
  const Handle handle;
  handle.Complete(Status::Ok());
  EXPECT_TRUE(handle.result().performed);
  EXPECT_TRUE(handle.result().gathered.empty());
}

}  // namespace
}  // namespace ronde
