#include "frontends/resnet/checkpoint/trajectory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TrainOptions Options() {
  TrainOptions options;
  options.workers = 4;
  options.switch_epoch = 30;
  return options;
}

Status Check(const TrainOptions& written, const TrainOptions& mine,
             const TrajectoryFacts& facts = {130, 33, true}) {
  return CheckSameTrajectory("dir/step-000000009", TrajectoryOf(written, facts),
                             TrajectoryOf(mine, facts));
}

TEST(Trajectory, TheSameOptionsFit) { EXPECT_TRUE(Check(Options(), Options()).ok()); }

TEST(Trajectory, ADifferenceNamesTheFlagBothValuesAndTheRemedy) {
  TrainOptions mine = Options();
  mine.reference_lr = 0.2;
  const Status status = Check(Options(), mine);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("dir/step-000000009"), HasSubstr("--reference-lr 0.1"),
                    HasSubstr("--reference-lr 0.2"), HasSubstr("give --reference-lr 0.1")));
}

TEST(Trajectory, OtherDataIsADifference) {
  const Status status = CheckSameTrajectory("c", TrajectoryOf(Options(), {130, 33, true}),
                                            TrajectoryOf(Options(), {120, 33, true}));
  EXPECT_THAT(status.message(), AllOf(HasSubstr("130 training images"),
                                      HasSubstr("120 training images"), HasSubstr("same data")));
}

TEST(Trajectory, EveryOptionThatDeterminesItCounts) {
  const auto differs = [](const auto& change) {
    TrainOptions mine = Options();
    change(mine);
    return !Check(Options(), mine).ok();
  };
  EXPECT_TRUE(differs([](TrainOptions& o) { o.algorithm = "local"; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.workers = 8; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.local_steps = 5; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.switch_epoch = 31; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.momentum_form = "classic"; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.accumulation_steps = 2; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.grad_clip_norm = 1; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.milestones = {30, 60}; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.seed = 2; }));
  EXPECT_TRUE(differs([](TrainOptions& o) { o.precision = "bf16"; }));
}

TEST(Trajectory, EpochsMayChangeUnlessTheScheduleEndsWithThem) {
  TrainOptions written = Options();
  TrainOptions mine = Options();
  mine.epochs = 100;
  EXPECT_TRUE(Check(written, mine).ok());
  written.schedule = mine.schedule = "cosine";
  EXPECT_THAT(Check(written, mine).message(), HasSubstr("--epochs 90"));
}

TEST(Trajectory, TheSwitchCountsOnlyWhereItHasAMeaning) {
  TrainOptions mine = Options();
  mine.switch_epoch = 40;
  EXPECT_TRUE(Check(Options(), mine, {130, 33, false}).ok());
}

}  // namespace
}  // namespace ronde
