#include "frontends/torch/flat_gradients.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

at::Tensor Parameter(at::IntArrayRef sizes, at::ScalarType dtype = at::kFloat) {
  return at::zeros(sizes, at::dtype(dtype)).requires_grad_();
}

std::ptrdiff_t OffsetBytes(const at::Tensor& gradient, const at::Tensor& buffer) {
  return static_cast<const char*>(gradient.data_ptr()) -
         static_cast<const char*>(buffer.data_ptr());
}

TEST(FlatGradients, LieInReverseOrderAtMultiplesOf64Bytes) {
  const std::vector<at::Tensor> parameters = {Parameter({5}), Parameter({16}), Parameter({17})};
  FlatGradients flat(parameters);
  ASSERT_EQ(flat.buffers().size(), 1U);
  const at::Tensor& buffer = flat.buffers()[0];
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data_ptr()) % FlatGradients::kAlignmentBytes,
            0U);
  EXPECT_EQ(buffer.nbytes(), 128U + 64 + 64);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(flat.Attach(i));
  EXPECT_EQ(OffsetBytes(parameters[2].grad(), buffer), 0);
  EXPECT_EQ(OffsetBytes(parameters[1].grad(), buffer), 128);
  EXPECT_EQ(OffsetBytes(parameters[0].grad(), buffer), 192);
}

TEST(FlatGradients, GapsAreZeros) {
  const std::vector<at::Tensor> parameters = {Parameter({5}), Parameter({17})};
  FlatGradients flat(parameters);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(flat.Attach(i));
    parameters[i].mutable_grad().fill_(1);
  }
  EXPECT_EQ(flat.buffers()[0].sum().item<double>(), 22);
}

TEST(FlatGradients, HaveOneBufferPerDtype) {
  const std::vector<at::Tensor> parameters = {Parameter({5}, at::kDouble), Parameter({6}),
                                              Parameter({7}, at::kDouble)};
  FlatGradients flat(parameters);
  ASSERT_EQ(flat.buffers().size(), 2U);
  EXPECT_EQ(flat.buffers()[0].scalar_type(), at::kDouble);
  EXPECT_EQ(flat.buffers()[0].nbytes(), 128U);
  EXPECT_EQ(flat.buffers()[1].scalar_type(), at::kFloat);
}

TEST(FlatGradients, ValuesMoveInAndStridesAreTheParameters) {
  at::Tensor parameter = at::zeros({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  parameter.requires_grad_();
  FlatGradients flat({parameter});
  EXPECT_FALSE(parameter.grad().defined());
  const at::Tensor values = at::arange(48, at::kFloat).reshape({4, 3, 2, 2});
  parameter.mutable_grad() = values.clone();
  ASSERT_TRUE(flat.Attach(0));
  EXPECT_TRUE(parameter.grad().equal(values));
  EXPECT_EQ(parameter.grad().strides(), parameter.strides());
  const void* address = parameter.grad().data_ptr();
  parameter.mutable_grad() = at::Tensor();
  ASSERT_TRUE(flat.Attach(0));
  EXPECT_EQ(parameter.grad().data_ptr(), address);
  EXPECT_EQ(parameter.grad().abs().sum().item<double>(), 0);
}

TEST(FlatGradients, ABackwardPassAccumulatesIntoTheView) {
  const at::Tensor parameter = Parameter({3});
  FlatGradients flat({parameter});
  ASSERT_TRUE(flat.Attach(0));
  for (int pass = 0; pass < 2; ++pass) (parameter * 2).sum().backward();
  EXPECT_EQ(flat.buffers()[0].sum().item<double>(), 12);
}

TEST(FlatGradients, LeaveFrozenAndChangedParametersAlone) {
  const at::Tensor frozen = Parameter({3}).requires_grad_(false);
  at::Tensor changed = Parameter({3});
  FlatGradients flat({frozen, changed});
  EXPECT_FALSE(flat.Attach(0));
  changed.set_data(at::zeros({3}, at::kDouble));
  EXPECT_FALSE(flat.Attach(1));
  EXPECT_FALSE(changed.grad().defined());
}

TEST(FlatGradients, EmptyOnesTakeNoRoom) {
  const std::vector<at::Tensor> parameters = {Parameter({0, 4}), Parameter({2})};
  FlatGradients flat(parameters);
  EXPECT_EQ(flat.buffers()[0].nbytes(), 64U);
  EXPECT_TRUE(flat.Attach(0));
  EXPECT_EQ(parameters[0].grad().sizes(), parameters[0].sizes());
}

TEST(FlatGradients, ZeroGradientHasRowsWhereTheParameterHasGaps) {
  const at::Tensor gaps = at::zeros({4, 6}).slice(1, 0, 3);
  EXPECT_TRUE(ZeroGradient(gaps).is_contiguous());
  const at::Tensor transposed = at::zeros({4, 6}).t();
  EXPECT_EQ(ZeroGradient(transposed).strides(), transposed.strides());
}

}  // namespace
}  // namespace ronde
