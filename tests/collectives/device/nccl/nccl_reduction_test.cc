#include "collectives/device/nccl/nccl_reduction.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr DataType kFloats[] = {DataType::kFloat16, DataType::kBFloat16, DataType::kFloat32,
                                DataType::kFloat64};

TEST(NcclReduction, OfAPlainSumLeavesEverythingToNccl) {
  for (const DataType dtype : kFloats) {
    const NcclReduction plan = PlanNcclReduction(dtype, ReduceOp::kSum, 1, 1, 3);
    EXPECT_EQ(plan.op, kNcclSum);
    EXPECT_FALSE(plan.multiplies());
    EXPECT_EQ(plan.scale_after, 1);
  }
}

TEST(NcclReduction, AveragesOverPowersOfTwoNeedNoKernel) {
  for (const DataType dtype : kFloats) {
    for (const int ranks : {2, 4, 8, 64}) {
      const NcclReduction plan = PlanNcclReduction(dtype, ReduceOp::kAverage, 1, 1, ranks);
      EXPECT_EQ(plan.factor, 1.0 / ranks) << Name(dtype);
      EXPECT_EQ(plan.scale_after, 1) << Name(dtype);
    }
  }
}

TEST(NcclReduction, OtherAveragesOfSixteenBitsAreNotRoundedIntoTheFactor) {
  for (const DataType dtype : {DataType::kFloat16, DataType::kBFloat16}) {
    for (const int ranks : {3, 5, 6, 7, 48}) {
      const NcclReduction plan = PlanNcclReduction(dtype, ReduceOp::kAverage, 1, 1, ranks);
      EXPECT_EQ(std::exp2(std::round(std::log2(plan.factor))), plan.factor);
      EXPECT_LE(plan.factor, 1.0 / ranks) << "the sum must not be larger than the result";
      EXPECT_DOUBLE_EQ(plan.factor * plan.scale_after, 1.0 / ranks);
    }
  }
  const NcclReduction single = PlanNcclReduction(DataType::kFloat32, ReduceOp::kAverage, 1, 1, 3);
  EXPECT_EQ(single.factor, 1.0 / 3);
  EXPECT_EQ(single.scale_after, 1);
}

TEST(NcclReduction, KeepsFloat16InRangeWhereItIsScaledDownAndUpAgain) {
  const NcclReduction plan = PlanNcclReduction(DataType::kFloat16, ReduceOp::kSum, 1e-3, 1e3, 4);
  EXPECT_LE(plan.factor, 1e-3);
  EXPECT_DOUBLE_EQ(plan.factor * plan.scale_after, 1);
  const NcclReduction wide = PlanNcclReduction(DataType::kFloat32, ReduceOp::kSum, 1e-3, 1e3, 4);
  EXPECT_FALSE(wide.multiplies());
}

TEST(NcclReduction, FactorsOutsideTheTypeAreAppliedToTheResult) {
  const NcclReduction tiny = PlanNcclReduction(DataType::kFloat16, ReduceOp::kSum, 1e-7, 1, 2);
  EXPECT_GE(tiny.factor, 0x1p-14);
  EXPECT_DOUBLE_EQ(tiny.factor * tiny.scale_after, 1e-7);
  const NcclReduction single = PlanNcclReduction(DataType::kFloat32, ReduceOp::kSum, 1e-42, 1, 2);
  EXPECT_FALSE(single.multiplies());
  EXPECT_EQ(single.scale_after, 1e-42);
  EXPECT_EQ(PlanNcclReduction(DataType::kBFloat16, ReduceOp::kSum, 0, 1, 2).scale_after, 0);
  const NcclReduction negative = PlanNcclReduction(DataType::kBFloat16, ReduceOp::kSum, -3, 1, 2);
  EXPECT_EQ(negative.factor * negative.scale_after, -3);
}

TEST(NcclReduction, TakesThePrescaleOutOfMinMaxAndProduct) {
  const auto plan = [](ReduceOp op, double prescale) {
    return PlanNcclReduction(DataType::kFloat32, op, prescale, 2, 3);
  };
  EXPECT_EQ(plan(ReduceOp::kMin, 3).op, kNcclMin);
  EXPECT_EQ(plan(ReduceOp::kMin, -3).op, kNcclMax);
  EXPECT_EQ(plan(ReduceOp::kMax, -3).op, kNcclMin);
  EXPECT_EQ(plan(ReduceOp::kMax, -3).scale_after, -6);
  EXPECT_EQ(plan(ReduceOp::kProduct, 0.5).op, kNcclProduct);
  EXPECT_EQ(plan(ReduceOp::kProduct, 0.5).scale_after, 0.25);
}

TEST(NcclReduction, LeavesTheDivisionOfIntegersToNccl) {
  for (const DataType dtype : {DataType::kInt32, DataType::kInt64, DataType::kUInt8}) {
    const NcclReduction plan = PlanNcclReduction(dtype, ReduceOp::kAverage, 1, 1, 3);
    EXPECT_EQ(plan.op, kNcclAverage);
    EXPECT_FALSE(plan.multiplies());
    EXPECT_EQ(plan.scale_after, 1);
  }
}

TEST(NcclScalar, IsAnElementOfItsType) {
  std::uint16_t half = 0;
  std::memcpy(&half, NcclScalar(DataType::kFloat16, 0.25).data(), sizeof half);
  EXPECT_EQ(half, 0x3400);
  std::memcpy(&half, NcclScalar(DataType::kBFloat16, 0.25).data(), sizeof half);
  EXPECT_EQ(half, 0x3E80);
  float single = 0;
  std::memcpy(&single, NcclScalar(DataType::kFloat32, 1.0 / 3).data(), sizeof single);
  EXPECT_EQ(single, 1.0f / 3);
  double wide = 0;
  std::memcpy(&wide, NcclScalar(DataType::kFloat64, 1.0 / 3).data(), sizeof wide);
  EXPECT_EQ(wide, 1.0 / 3);
}

}  // namespace
}  // namespace ronde
