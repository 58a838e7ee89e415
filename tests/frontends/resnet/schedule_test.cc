#include "frontends/resnet/schedule.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace ronde {
namespace {

ScheduleOptions LargeBatch() {
  ScheduleOptions options;
  options.workers = 16;
  options.batch_size = 128;  // eta = 16 * 128 * 0.1 / 256 = 0.8
  return options;
}

TEST(LearningRateSchedule, ScalesWithTheGlobalBatch) {
  EXPECT_DOUBLE_EQ(LearningRateSchedule(LargeBatch()).Peak(), 0.8);
}

TEST(LearningRateSchedule, WarmsUpLinearlyInTheIteration) {
  const LearningRateSchedule schedule(LargeBatch());
  EXPECT_DOUBLE_EQ(schedule.At(1, 0, 100), 0.1);
  EXPECT_DOUBLE_EQ(schedule.At(1, 50, 100), 0.1 + 0.7 * 50 / 500);
  EXPECT_DOUBLE_EQ(schedule.At(5, 99, 100), 0.1 + 0.7 * 499 / 500);
  EXPECT_DOUBLE_EQ(schedule.At(6, 0, 100), 0.8);
}

TEST(LearningRateSchedule, NeedsNoWarmUpBelowTheReference) {
  ScheduleOptions options;
  options.workers = 2;
  const LearningRateSchedule schedule(options);
  EXPECT_DOUBLE_EQ(schedule.At(1, 0, 10), 0.025);
  EXPECT_DOUBLE_EQ(schedule.At(5, 9, 10), 0.025);
}

TEST(LearningRateSchedule, DropsTenfoldAfterEachMilestone) {
  const LearningRateSchedule schedule(LargeBatch());
  EXPECT_DOUBLE_EQ(schedule.At(30, 99, 100), 0.8);
  EXPECT_DOUBLE_EQ(schedule.At(31, 0, 100), 0.08);
  EXPECT_NEAR(schedule.At(61, 0, 100), 0.008, 1e-12);
  EXPECT_NEAR(schedule.At(90, 0, 100), 0.0008, 1e-12);
}

TEST(LearningRateSchedule, FollowsHalfACosineEpochByEpoch) {
  ScheduleOptions options = LargeBatch();
  options.kind = ScheduleKind::kCosine;
  const LearningRateSchedule schedule(options);
  EXPECT_DOUBLE_EQ(schedule.At(6, 0, 100), 0.8);
  const double at_20 = 0.8 * (1 + std::cos(std::numbers::pi * 15 / 85)) / 2;
  EXPECT_DOUBLE_EQ(schedule.At(21, 0, 100), at_20);
  EXPECT_DOUBLE_EQ(schedule.At(21, 99, 100), at_20);
}

TEST(LearningRateSchedule, ScalesTheLocalPhaseOnly) {
  ScheduleOptions options = LargeBatch();
  options.switch_epoch = 20;
  options.local_scale = 0.5;
  const LearningRateSchedule schedule(options);
  EXPECT_DOUBLE_EQ(schedule.At(20, 99, 100), 0.8);
  EXPECT_DOUBLE_EQ(schedule.At(21, 0, 100), 0.4);
}

TEST(LearningRateSchedule, StaysFiniteWhereWarmUpIsTheWholeRun) {
  ScheduleOptions options = LargeBatch();
  options.kind = ScheduleKind::kCosine;
  options.epochs = options.warmup_epochs = 2;
  EXPECT_TRUE(std::isfinite(LearningRateSchedule(options).At(2, 99, 100)));
}

}  // namespace
}  // namespace ronde
