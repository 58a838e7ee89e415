#include "core/control/stall_inspector.h"

#include <gtest/gtest.h>

#include "tests/core/control/manual_clock.h"

namespace ronde {
namespace {

class StallInspectorTest : public testing::Test {
 protected:
  StallInspector Make(double warning_s, double shutdown_s) {
    return {clock_, warning_s, shutdown_s,
            [this](const std::string& text) { warnings_.push_back(text); }};
  }
  WaitingTensor Waiting(const std::string& name) const {
    return {.name = name, .waiting = {0, 2}, .missing = {1}, .since_ns = clock_.NowNs()};
  }

  ManualClock clock_;
  std::vector<std::string> warnings_;
};

TEST_F(StallInspectorTest, WarnsOncePerStallNamingTensorAndRanks) {
  StallInspector inspector = Make(60, 0);
  const std::vector<WaitingTensor> waiting = {Waiting("fc.weight"), Waiting("fc.bias")};
  clock_.Advance(59);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  EXPECT_TRUE(warnings_.empty());
  clock_.Advance(1.5);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  clock_.Advance(100);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0],
            "stalled: tensor 'fc.weight' was submitted by ranks 0, 2 60.5 s ago but not by rank 1; "
            "tensor 'fc.bias' was submitted by ranks 0, 2 60.5 s ago but not by rank 1 (submit the "
            "same names on all ranks; --stall-shutdown-s can end such a job)");
}

TEST_F(StallInspectorTest, WarnsAgainWhenTheSameNameStallsLater) {
  StallInspector inspector = Make(10, 0);
  std::vector<WaitingTensor> waiting = {Waiting("w")};
  clock_.Advance(10);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  waiting = {Waiting("w")};
  EXPECT_TRUE(inspector.Check(waiting).ok());
  EXPECT_EQ(warnings_.size(), 1u);
  clock_.Advance(10);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  EXPECT_EQ(warnings_.size(), 2u);
}

TEST_F(StallInspectorTest, AWholeModelThatStallsMakesOneReadableWarning) {
  StallInspector inspector = Make(10, 0);
  const std::vector<WaitingTensor> waiting(100, Waiting("w"));
  clock_.Advance(11);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("; and "), std::string::npos);
  EXPECT_LT(warnings_[0].size(), 1000u);
}

TEST_F(StallInspectorTest, AsksForTheEndAtTheShutdownLimit) {
  StallInspector inspector = Make(0, 120);
  const std::vector<WaitingTensor> waiting = {Waiting("w")};
  clock_.Advance(119);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  clock_.Advance(1);
  EXPECT_EQ(inspector.Check(waiting),
            Status::Aborted("stalled: tensor 'w' was submitted by ranks 0, 2 120.0 s ago but not "
                            "by rank 1; the limit is --stall-shutdown-s 120"));
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(StallInspectorTest, SaysWhenToLookAgain) {
  const std::int64_t start_ns = clock_.NowNs();
  EXPECT_EQ(Make(0, 0).NextCheckNs(start_ns), INT64_MAX);
  StallInspector inspector = Make(60, 120);
  EXPECT_EQ(inspector.NextCheckNs(start_ns), start_ns + 60'000'000'000);
  clock_.Advance(60);
  EXPECT_TRUE(inspector.Check({}).ok());
  EXPECT_EQ(inspector.NextCheckNs(start_ns), clock_.NowNs() + 15'000'000'000);
}

}  // namespace
}  // namespace ronde
