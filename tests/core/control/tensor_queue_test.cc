#include "core/control/tensor_queue.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/control/process_sets.h"
#include "tests/core/control/manual_clock.h"

namespace ronde {
namespace {

TensorEntry Entry(const std::string& name) {
  TensorEntry entry;
  entry.request.name = name;
  return entry;
}

class TensorQueueTest : public testing::Test {
 protected:
  Result<TensorQueue::Added> Add(const std::string& name) {
    return queue_.Add(Entry(name), clock_.NowNs());
  }
  /// The operation that goes by `name`, drained and handed out.
  TensorEntry DrainAndTake(const std::string& name) {
    (void)queue_.DrainNew();
    TensorQueue::Slot* slot = queue_.Find(name);
    EXPECT_NE(slot, nullptr);
    return queue_.Take(*slot);
  }
  ManualClock clock_;
  TensorQueue queue_{1, clock_};
};

TEST_F(TensorQueueTest, DrainsInTheOrderOfSubmissionOnce) {
  EXPECT_TRUE(Add("b").value().wake);
  EXPECT_FALSE(Add("a").value().wake);  // the engine has been woken for "b"
  const TensorQueue::New drained = queue_.DrainNew();
  ASSERT_EQ(drained.slots.size(), 2u);
  EXPECT_EQ(drained.slots[0]->request().name, "b");
  EXPECT_EQ(drained.slots[1]->request().name, "a");
  EXPECT_FALSE(drained.closed);
  EXPECT_TRUE(queue_.DrainNew().slots.empty());
  EXPECT_FALSE(Add("c").value().wake);  // it is awake
}

TEST_F(TensorQueueTest, RefusesANameInFlightUntilItHasCompleted) {
  ASSERT_TRUE(Add("w").ok());
  const Status duplicate = Add("w").status();
  EXPECT_EQ(duplicate.code(), StatusCode::kDuplicateName);
  EXPECT_EQ(duplicate.message(),
            "tensor 'w' was submitted again while the first submission is still in flight on rank "
            "1; wait for its handle or give it another name");
  const TensorEntry entry = DrainAndTake("w");
  EXPECT_EQ(Add("w").status().code(), StatusCode::kDuplicateName);
  entry.handle.Complete(Status::Ok());
  EXPECT_TRUE(Add("w").ok());
  EXPECT_EQ(queue_.completed(), 1u);
}

TEST_F(TensorQueueTest, TellsANameInAProcessSetFromTheSameOneInTheWorld) {
  ASSERT_TRUE(Add("w").ok());
  TensorEntry entry = Entry("w");
  entry.request.process_set = 2;
  ASSERT_TRUE(queue_.Add(std::move(entry), 0).ok());
  (void)queue_.DrainNew();
  EXPECT_EQ(queue_.FindAllOf(2).size(), 1u);
  EXPECT_NE(queue_.Find(KeyOf(2, "w")), queue_.Find("w"));
}

TEST_F(TensorQueueTest, HandsOutDrainedEntriesOnce) {
  ASSERT_TRUE(Add("w").ok());
  EXPECT_EQ(queue_.Find("w"), nullptr);  // not announced yet: no answer can be meant for it
  (void)queue_.DrainNew();
  TensorQueue::Slot* const slot = queue_.Find("w");
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->request().name, "w");
  const TensorEntry entry = queue_.Take(*slot);
  EXPECT_EQ(queue_.Find("w"), nullptr);
  EXPECT_EQ(queue_.Find("unknown"), nullptr);
}

TEST_F(TensorQueueTest, KeepsThePlaceOfWhatIsAskedForAgain) {
  ASSERT_TRUE(Add("w").ok());
  (void)queue_.DrainNew();
  TensorQueue::Slot* const place = queue_.Find("w");
  queue_.Keep(*place, true);
  queue_.Take(*place).handle.Complete(Status::Ok());
  ASSERT_TRUE(Add("w").ok());
  (void)queue_.DrainNew();
  EXPECT_EQ(queue_.Find("w"), place);
  queue_.Keep(*place, false);  // in flight: it goes when it ends
  queue_.Take(*place).handle.Complete(Status::Ok());
  EXPECT_EQ(queue_.in_flight(), 0u);
}

TEST_F(TensorQueueTest, AddsSeveralAllOrNone) {
  ASSERT_TRUE(Add("b").ok());
  const auto entries = [](std::initializer_list<const char*> names) {
    std::vector<TensorEntry> list;
    for (const char* name : names) list.push_back(Entry(name));
    return list;
  };
  EXPECT_EQ(queue_.AddAll(entries({"a", "b", "c"}), 0).status().code(), StatusCode::kDuplicateName);
  EXPECT_EQ(queue_.AddAll(entries({"a", "a"}), 0).status().code(), StatusCode::kDuplicateName);
  EXPECT_EQ(queue_.in_flight(), 1u);
  EXPECT_EQ(queue_.AddAll(entries({"a", "c"}), 0).value().size(), 2u);
  EXPECT_EQ(queue_.DrainNew().slots.size(), 3u);
}

TEST_F(TensorQueueTest, CloseKeepsWhatIsThereAndRefusesMore) {
  ASSERT_TRUE(Add("w").ok());
  queue_.Close();
  EXPECT_EQ(Add("v").status().code(), StatusCode::kShutdown);
  const TensorQueue::New drained = queue_.DrainNew();
  EXPECT_EQ(drained.slots.size(), 1u);
  EXPECT_TRUE(drained.closed);
  EXPECT_EQ(queue_.in_flight(), 1u);
}

TEST_F(TensorQueueTest, FailAllCompletesEveryStageAndLaterOnes) {
  std::vector<Handle> handles;
  handles.push_back(Add("taken").value().handle);
  const TensorEntry taken = DrainAndTake("taken");
  handles.push_back(Add("drained").value().handle);
  (void)queue_.DrainNew();
  handles.push_back(Add("new").value().handle);
  queue_.FailAll(Status::Aborted("rank 0: boom"));
  for (const Handle& handle : handles) EXPECT_EQ(handle.Wait(), Status::Aborted("rank 0: boom"));
  EXPECT_EQ(Add("later").status(), Status::Aborted("rank 0: boom"));
}

TEST_F(TensorQueueTest, CountsTheTimeDuringWhichSomethingIsOutstanding) {
  EXPECT_EQ(queue_.outstanding_ns(), 0);
  ASSERT_TRUE(Add("a").ok());
  clock_.Advance(2);
  ASSERT_TRUE(Add("b").ok());
  clock_.Advance(3);
  DrainAndTake("a").handle.Complete(Status::Ok());
  clock_.Advance(1);
  EXPECT_EQ(queue_.outstanding_ns(), 6'000'000'000);  // still open
  DrainAndTake("b").handle.Complete(Status::Ok());
  clock_.Advance(100);
  ASSERT_TRUE(Add("c").ok());
  clock_.Advance(1);
  DrainAndTake("c").handle.Complete(Status::Ok());
  EXPECT_EQ(queue_.outstanding_ns(), 7'000'000'000);
}

TEST_F(TensorQueueTest, WakesTheEngineOnceForAsManyAsItExpects) {
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(Add(name).ok());
    (void)queue_.DrainNew();
    queue_.Keep(*queue_.Find(name), true);
    queue_.Take(*queue_.Find(name)).handle.Complete(Status::Ok());
  }
  EXPECT_TRUE(queue_.Expect(2));
  EXPECT_FALSE(Add("a").value().wake);
  EXPECT_TRUE(Add("b").value().wake);
  EXPECT_FALSE(Add("c").value().wake);
  EXPECT_FALSE(queue_.Expect(3)) << "they are there";
  EXPECT_TRUE(queue_.Expect(4));
  EXPECT_TRUE(Add("stranger").value().wake) << "nobody can have expected it";
  EXPECT_FALSE(queue_.Expect(100));
  EXPECT_TRUE(queue_.DrainNew().is_burst);
  EXPECT_TRUE(queue_.Expect(1));
  EXPECT_TRUE(Add("more").value().wake);
  EXPECT_FALSE(queue_.DrainNew().is_burst) << "the others are still in flight";
}

TEST_F(TensorQueueTest, ExpectsNothingForEver) {
  for (const char* name : {"a", "b"}) {
    ASSERT_TRUE(Add(name).ok());
    (void)queue_.DrainNew();
    queue_.Keep(*queue_.Find(name), true);
    queue_.Take(*queue_.Find(name)).handle.Complete(Status::Ok());
  }
  EXPECT_TRUE(queue_.Expect(3, clock_.NowNs() + 1));
  EXPECT_FALSE(Add("a").value().wake);
  clock_.Advance(1);
  EXPECT_TRUE(Add("b").value().wake) << "too late to be one of the three";
}

TEST_F(TensorQueueTest, KnowsWhetherTheSameIsAskedForAgain) {
  const auto ask = [this](std::int64_t count) {
    TensorEntry entry = Entry("w");
    entry.request.shape = {count};
    ASSERT_TRUE(queue_.Add(std::move(entry), 0).ok());
    (void)queue_.DrainNew();
  };
  ask(3);
  TensorQueue::Slot& place = *queue_.Find("w");
  EXPECT_FALSE(place.unchanged());
  queue_.Keep(place, true);
  for (const std::int64_t count : {3, 3, 4, 4, 3}) {
    queue_.Take(place).handle.Complete(Status::Ok());
    const bool was_unchanged = place.unchanged();
    ask(count);
    EXPECT_EQ(place.request().shape, Shape{count});
    EXPECT_EQ(place.unchanged(), was_unchanged && count == 3) << "once in doubt, always";
  }
}

class AskedAgain : public TensorQueueTest {
 protected:
  AskedAgain() {
    for (const std::string& name : names_) {
      TensorEntry entry = Entry(name);
      entry.request.shape = view_.shape;
      entry.input = view_;
      entry.output = view_;
      EXPECT_TRUE(queue_.Add(std::move(entry), 0).ok());
    }
    for (TensorQueue::Slot* slot : queue_.DrainNew().slots) {
      queue_.Keep(*slot, true);
      queue_.Take(*slot).handle.Complete(Status::Ok());
    }
  }
  std::optional<TensorQueue::Added> Again(const std::string& name) {
    return queue_.AddAgain({.name = name, .input = view_, .output = view_}, clock_.NowNs());
  }

  const std::vector<std::string> names_ = {"a", "b", "c"};
  float first_[2] = {};
  float second_[2] = {};
  TensorView view_{first_, DataType::kFloat32, {2}};
};

TEST_F(AskedAgain, HandsOutTheBuffersOfThisTime) {
  for (int round = 0; round < 3; ++round) {
    view_.data = round % 2 == 0 ? second_ : first_;
    view_.padding_bytes = static_cast<std::size_t>(round);
    for (const std::string& name : names_) ASSERT_TRUE(Again(name)) << name;
    EXPECT_EQ(queue_.in_flight(), 3u);
    const TensorQueue::New drained = queue_.DrainNew();
    ASSERT_EQ(drained.slots.size(), 3u);
    EXPECT_TRUE(drained.slots[0]->unchanged());
    const TensorEntry entry = queue_.Take(*drained.slots[0]);
    EXPECT_EQ(entry.input.data, view_.data);
    EXPECT_EQ(entry.output.shape, Shape{2});
    entry.handle.Complete(Status::Ok());
    std::vector<ReadyOperation> rest(2);
    queue_.TakeAll(std::span(drained.slots).subspan(1), rest, /*are_same=*/false);
    queue_.TakeAll(std::span(drained.slots).subspan(1, 0), rest, /*are_same=*/true);
    for (const ReadyOperation& operation : rest) {
      EXPECT_EQ(operation.entry.output.data, view_.data);
      EXPECT_EQ(operation.entry.output.padding_bytes, view_.padding_bytes);
      operation.entry.handle.Complete(Status::Ok());
    }
  }
}

TEST_F(AskedAgain, IsNotWhatIsInFlightNewOrChanged) {
  EXPECT_FALSE(Again("stranger"));
  ASSERT_TRUE(Again("b"));
  EXPECT_FALSE(Again("b")) << "in flight";
  TensorEntry entry = Entry("a");
  entry.request.shape = {7};
  ASSERT_TRUE(queue_.Add(std::move(entry), 0).ok());
  (void)queue_.DrainNew();
  queue_.Take(*queue_.Find("a")).handle.Complete(Status::Ok());
  EXPECT_FALSE(Again("a")) << "what it was is not known any more";
  queue_.Keep(*queue_.Find("b"), false);
  EXPECT_TRUE(Again("c"));
  queue_.Close();
  EXPECT_FALSE(Again("c")) << "refused, and Add says why";
}

TEST_F(AskedAgain, TheOrderMayChangeAndPlacesMayGo) {
  for (const char* name : {"c", "a", "b", "a"}) {
    ASSERT_TRUE(Again(name)) << name;
    (void)queue_.DrainNew();
    queue_.Take(*queue_.Find(name)).handle.Complete(Status::Ok());
  }
  ASSERT_TRUE(Again("b"));  // after "a", as the last time
  (void)queue_.DrainNew();
  TensorQueue::Slot* const place = queue_.Find("b");
  queue_.Keep(*place, false);
  queue_.Take(*place).handle.Complete(Status::Ok());
  ASSERT_TRUE(Again("a"));
  EXPECT_FALSE(Again("b")) << "its place has gone";
}

TEST_F(AskedAgain, WhatWasTakenInVainFailsWithTheRest) {
  const Handle handle = Again("a")->handle;
  const TensorQueue::New drained = queue_.DrainNew();
  std::vector<ReadyOperation> taken(1);
  queue_.TakeAll(drained.slots, taken, /*are_same=*/false);
  queue_.GiveBack(drained.slots, taken);
  taken.clear();
  queue_.FailAll(Status::Aborted("rank 0: boom"));
  EXPECT_EQ(handle.Wait(), Status::Aborted("rank 0: boom"));
}

}  // namespace
}  // namespace ronde
