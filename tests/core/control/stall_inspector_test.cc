#include "core/control/stall_inspector.h"

#include <gtest/gtest.h>

#include "core/base/strcat.h"
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
            "stalled: tensors 'fc.weight', 'fc.bias' were submitted by ranks 0, 2 up to 60.5 s ago "
            "but not by rank 1 (submit the same names on all ranks; --stall-shutdown-s can end "
            "such a job)");
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
  std::vector<WaitingTensor> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(Waiting(StrCat("w", i)));
  clock_.Advance(11);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("'w0', 'w1', 'w2', 'w3', 'w4' were"), std::string::npos);
  EXPECT_NE(warnings_[0].find("; and 95 more"), std::string::npos);
  EXPECT_LT(warnings_[0].size(), 300u);
}

TEST_F(StallInspectorTest, TensorsThatWaitForOthersGetTheirOwnClause) {
  StallInspector inspector = Make(10, 0);
  std::vector<WaitingTensor> waiting = {Waiting("a"), Waiting("b"), Waiting("c")};
  waiting[1].waiting = {0, 1, 2, 3, 5};
  waiting[1].missing = {4, 6, 7};
  clock_.Advance(10);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0].substr(0, warnings_[0].find(" (submit")),
            "stalled: tensors 'a', 'c' were submitted by ranks 0, 2 up to 10.0 s ago but not by "
            "rank 1; tensor 'b' was submitted by ranks 0-3, 5 10.0 s ago but not by ranks 4, 6, 7");
}

TEST_F(StallInspectorTest, TheEndSaysWhatTheWarningSaid) {
  StallInspector inspector = Make(10, 20);
  const std::vector<WaitingTensor> waiting = {Waiting("a"), Waiting("b")};
  clock_.Advance(20);
  EXPECT_EQ(inspector.Check(waiting),
            Status::Aborted("stalled: tensors 'a', 'b' were submitted by ranks 0, 2 up to 20.0 s "
                            "ago but not by rank 1; the limit is --stall-shutdown-s 20"));
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

TEST_F(StallInspectorTest, TheSameNameInTwoProcessSetsIsTwoStallsEachWarnedOfOnce) {
  StallInspector inspector = Make(10, 0);
  std::vector<WaitingTensor> waiting = {Waiting("w"), Waiting("w")};
  waiting[1].set = 3;
  for (int i = 0; i < 4; ++i) {
    clock_.Advance(10);
    EXPECT_TRUE(inspector.Check(waiting).ok());
  }
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0].substr(0, warnings_[0].find(" (submit")),
            "stalled: tensor 'w' was submitted by ranks 0, 2 10.0 s ago but not by rank 1; tensor "
            "'w' of process set 3 was submitted by ranks 0, 2 10.0 s ago but not by rank 1");
}

TEST_F(StallInspectorTest, WhatItsGroupHoldsBackSaysWhatIsLacking) {
  StallInspector inspector = Make(10, 0);
  std::vector<WaitingTensor> waiting = {Waiting("w")};
  waiting[0].waiting = {0, 1, 2};
  waiting[0].missing.clear();
  waiting[0].lack = "group 'g' has 1 of its 2 operations";
  clock_.Advance(10);
  EXPECT_TRUE(inspector.Check(waiting).ok());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0].substr(0, warnings_[0].find(" (submit")),
            "stalled: tensor 'w' was submitted by ranks 0-2 10.0 s ago but group 'g' has 1 of its "
            "2 operations");
}

}  // namespace
}  // namespace ronde
