#include "frontends/torch/tensor_bridge.h"

#include <gmock/gmock.h>

#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

std::string MessageFor(const at::Tensor& tensor) {
  try {
    static_cast<void>(ToTensorView(tensor, "w"));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TensorBridge, LendsTheMemoryOfATensor) {
  const at::Tensor tensor = at::zeros({2, 3}, at::kDouble);
  const TensorView view = ToTensorView(tensor, "w");
  EXPECT_EQ(view.data, tensor.data_ptr());
  EXPECT_EQ(view.dtype, DataType::kFloat64);
  EXPECT_EQ(view.shape, (Shape{2, 3}));
}

TEST(TensorBridge, GivesTheShapeInMemoryOrder) {
  const at::Tensor tensor = at::zeros({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(ToTensorView(tensor, "w").shape, (Shape{2, 4, 5, 3}));
}

TEST(TensorBridge, AScalarHasOneElement) { EXPECT_EQ(ToTensorView(at::zeros({}), "w").count(), 1); }

TEST(TensorBridge, MapsEverySupportedType) {
  EXPECT_EQ(ToDataType(at::kHalf), DataType::kFloat16);
  EXPECT_EQ(ToDataType(at::kBFloat16), DataType::kBFloat16);
  EXPECT_EQ(ToDataType(at::kFloat), DataType::kFloat32);
  EXPECT_EQ(ToDataType(at::kInt), DataType::kInt32);
  EXPECT_EQ(ToDataType(at::kLong), DataType::kInt64);
  EXPECT_EQ(ToDataType(at::kByte), DataType::kUInt8);
  EXPECT_EQ(ToDataType(at::kBool), std::nullopt);
}

TEST(TensorBridge, NamesTheTensorThatCannotBeLent) {
  EXPECT_THAT(MessageFor(at::zeros({4, 4}).slice(1, 0, 2)),
              testing::AllOf(testing::HasSubstr("'w'"), testing::HasSubstr("gaps")));
  EXPECT_THAT(MessageFor(at::zeros({2}, at::kBool)), testing::HasSubstr("Bool"));
  EXPECT_THAT(MessageFor(at::Tensor()), testing::HasSubstr("undefined"));
  EXPECT_THAT(MessageFor(at::zeros({2}, at::kMeta)), testing::HasSubstr("meta"));
}

}  // namespace
}  // namespace ronde
