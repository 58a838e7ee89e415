#include "core/base/types.h"

#include <gtest/gtest.h>

#include "core/base/tensor_view.h"

namespace ronde {
namespace {

TEST(Types, NamesRoundTrip) {
  for (int i = 0; i < kDataTypeCount; ++i) {
    EXPECT_EQ(ParseDataType(Name(static_cast<DataType>(i))), static_cast<DataType>(i));
  }
  for (int i = 0; i < kReduceOpCount; ++i) {
    EXPECT_EQ(ParseReduceOp(Name(static_cast<ReduceOp>(i))), static_cast<ReduceOp>(i));
  }
}

TEST(Types, AcceptsTheSpellingsOfNcclTests) {
  EXPECT_EQ(ParseDataType("float"), DataType::kFloat32);
  EXPECT_EQ(ParseDataType("double"), DataType::kFloat64);
  EXPECT_EQ(ParseDataType("half"), DataType::kFloat16);
  EXPECT_EQ(ParseReduceOp("avg"), ReduceOp::kAverage);
  EXPECT_EQ(ParseReduceOp("prod"), ReduceOp::kProduct);
}

TEST(Types, UnknownNamesAreNothing) {
  EXPECT_EQ(ParseDataType("float128"), std::nullopt);
  EXPECT_EQ(ParseDataType(""), std::nullopt);
  EXPECT_EQ(ParseReduceOp("median"), std::nullopt);
}

TEST(Types, SizesAndKinds) {
  EXPECT_EQ(SizeOf(DataType::kFloat16), 2U);
  EXPECT_EQ(SizeOf(DataType::kBFloat16), 2U);
  EXPECT_EQ(SizeOf(DataType::kFloat32), 4U);
  EXPECT_EQ(SizeOf(DataType::kFloat64), 8U);
  EXPECT_EQ(SizeOf(DataType::kInt32), 4U);
  EXPECT_EQ(SizeOf(DataType::kInt64), 8U);
  EXPECT_EQ(SizeOf(DataType::kUInt8), 1U);
  EXPECT_TRUE(IsFloatingPoint(DataType::kBFloat16));
  EXPECT_FALSE(IsFloatingPoint(DataType::kInt32));
}

TEST(Types, ScalarHasOneElementAndAnEmptyDimensionNone) {
  EXPECT_EQ(ElementCount({}), 1);
  EXPECT_EQ(ElementCount({64, 3, 3, 3}), 1728);
  EXPECT_EQ(ElementCount({5, 0}), 0);
  EXPECT_EQ(ToString(Shape{}), "[]");
  EXPECT_EQ(ToString(Shape{64, 3}), "[64, 3]");
}

TEST(TensorView, CountsBytes) {
  EXPECT_EQ(TensorView(nullptr, DataType::kFloat16, {3, 5}).size_bytes(), 30U);
  EXPECT_EQ(TensorView(nullptr, DataType::kFloat64, {}).size_bytes(), 8U);
}

}  // namespace
}  // namespace ronde
