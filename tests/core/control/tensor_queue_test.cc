#include "core/control/tensor_queue.h"

#include <gtest/gtest.h>

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
  ManualClock clock_;
  TensorQueue queue_{1, clock_};
};

TEST_F(TensorQueueTest, DrainsInTheOrderOfSubmissionOnce) {
  EXPECT_TRUE(queue_.Add(Entry("b")).value());
  EXPECT_FALSE(queue_.Add(Entry("a")).value());  // the engine has been woken for "b"
  const TensorQueue::New drained = queue_.DrainNew();
  ASSERT_EQ(drained.requests.size(), 2u);
  EXPECT_EQ(drained.requests[0]->name, "b");
  EXPECT_EQ(drained.requests[1]->name, "a");
  EXPECT_FALSE(drained.closed);
  EXPECT_TRUE(queue_.DrainNew().requests.empty());
  EXPECT_TRUE(queue_.Add(Entry("c")).value());
}

TEST_F(TensorQueueTest, RefusesANameInFlightUntilItsRelease) {
  ASSERT_TRUE(queue_.Add(Entry("w")).ok());
  const Status duplicate = queue_.Add(Entry("w")).status();
  EXPECT_EQ(duplicate.code(), StatusCode::kDuplicateName);
  EXPECT_EQ(duplicate.message(),
            "tensor 'w' was submitted again while the first submission is still in flight on rank "
            "1; wait for its handle or give it another name");
  (void)queue_.DrainNew();
  ASSERT_TRUE(queue_.Take("w").has_value());
  EXPECT_EQ(queue_.Add(Entry("w")).status().code(), StatusCode::kDuplicateName);
  queue_.Release("w");
  EXPECT_TRUE(queue_.Add(Entry("w")).ok());
}

TEST_F(TensorQueueTest, HandsOutDrainedEntriesOnce) {
  ASSERT_TRUE(queue_.Add(Entry("w")).ok());
  EXPECT_FALSE(queue_.Take("w").has_value());  // not announced yet: no answer can be meant for it
  (void)queue_.DrainNew();
  const std::optional<TensorEntry> entry = queue_.Take("w");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->request.name, "w");
  EXPECT_FALSE(queue_.Take("w").has_value());
  EXPECT_FALSE(queue_.Take("unknown").has_value());
}

TEST_F(TensorQueueTest, CloseKeepsWhatIsThereAndRefusesMore) {
  ASSERT_TRUE(queue_.Add(Entry("w")).ok());
  queue_.Close();
  EXPECT_EQ(queue_.Add(Entry("v")).status().code(), StatusCode::kShutdown);
  const TensorQueue::New drained = queue_.DrainNew();
  EXPECT_EQ(drained.requests.size(), 1u);
  EXPECT_TRUE(drained.closed);
  EXPECT_EQ(queue_.in_flight(), 1u);
}

TEST_F(TensorQueueTest, FailAllCompletesEveryStageAndLaterOnes) {
  std::vector<Handle> handles;
  for (const char* name : {"taken", "drained", "new"}) {
    TensorEntry entry = Entry(name);
    handles.push_back(entry.handle);
    ASSERT_TRUE(queue_.Add(std::move(entry)).ok());
    if (name != std::string("new")) (void)queue_.DrainNew();
  }
  const std::optional<TensorEntry> taken = queue_.Take("taken");
  queue_.FailAll(Status::Aborted("rank 0: boom"));
  for (const Handle& handle : handles) EXPECT_EQ(handle.Wait(), Status::Aborted("rank 0: boom"));
  EXPECT_EQ(queue_.Add(Entry("later")).status(), Status::Aborted("rank 0: boom"));
}

TEST_F(TensorQueueTest, MeasuresTheUnionOfOutstandingTime) {
  EXPECT_EQ(queue_.outstanding_ns(), 0);
  ASSERT_TRUE(queue_.Add(Entry("a")).ok());
  clock_.Advance(1);
  ASSERT_TRUE(queue_.Add(Entry("b")).ok());
  clock_.Advance(2);
  queue_.Release("a");
  clock_.Advance(3);
  EXPECT_EQ(queue_.outstanding_ns(), 6'000'000'000);  // still open
  queue_.Release("b");
  clock_.Advance(100);
  ASSERT_TRUE(queue_.Add(Entry("c")).ok());
  clock_.Advance(1);
  queue_.Release("c");
  EXPECT_EQ(queue_.outstanding_ns(), 7'000'000'000);
}

}  // namespace
}  // namespace ronde
