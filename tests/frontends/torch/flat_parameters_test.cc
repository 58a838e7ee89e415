#include "frontends/torch/flat_parameters.h"

#include <gmock/gmock.h>

#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

TEST(FlatParameters, KeepsValuesShapesAndStrides) {
  at::Tensor a = at::arange(6, at::kFloat).reshape({2, 3});
  at::Tensor b =
      at::arange(120, at::kFloat).reshape({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor a_before = a.clone();
  const at::Tensor b_before = b.clone();
  const auto strides = b.strides().vec();
  const FlatParameters flat({a, b});
  EXPECT_EQ(flat.count(), 126);
  EXPECT_TRUE(torch::equal(a, a_before));
  EXPECT_TRUE(torch::equal(b, b_before));
  EXPECT_EQ(b.strides().vec(), strides);
}

TEST(FlatParameters, SharesMemoryWithTheModule) {
  torch::nn::Linear linear(3, 2);
  const FlatParameters flat(*linear);
  flat.flat().fill_(7);
  EXPECT_TRUE(torch::equal(linear->weight.detach(), at::full({2, 3}, 7.0F)));
  EXPECT_TRUE(torch::equal(linear->bias.detach(), at::full({2}, 7.0F)));
  EXPECT_TRUE(linear->weight.requires_grad());
}

TEST(FlatParameters, TrainsLikeTheUnflattenedModel) {
  torch::nn::Linear plain(3, 2);
  const auto flattened = std::dynamic_pointer_cast<torch::nn::LinearImpl>(plain->clone());
  const FlatParameters flat(*flattened);
  const auto train = [](torch::nn::LinearImpl& model) {
    torch::optim::SGD sgd(model.parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
    for (int step = 0; step < 3; ++step) {
      sgd.zero_grad();
      model.forward(at::ones({4, 3})).pow(2).sum().backward();
      sgd.step();
    }
  };
  train(*plain);
  train(*flattened);
  EXPECT_TRUE(torch::equal(plain->weight, flattened->weight));
  EXPECT_TRUE(flat.attached());
}

TEST(FlatParameters, ReattachesAParameterThatWasMoved) {
  torch::nn::Linear linear(3, 2);
  FlatParameters flat(*linear);
  EXPECT_TRUE(flat.attached());
  linear->weight.set_data(at::full({2, 3}, 5.0F));
  EXPECT_FALSE(flat.attached());
  flat.Reattach();
  EXPECT_TRUE(flat.attached());
  EXPECT_TRUE(torch::equal(flat.flat().slice(0, 0, 6), at::full({6}, 5.0F)));
}

TEST(FlatParameters, ATensorWithGapsGetsDenseRows) {
  at::Tensor tensor = at::arange(16, at::kFloat).reshape({4, 4}).slice(1, 0, 2);
  const at::Tensor before = tensor.clone();
  const FlatParameters flat({tensor});
  EXPECT_TRUE(flat.attached());
  EXPECT_TRUE(torch::equal(tensor, before));
  EXPECT_EQ(flat.count(), 8);
}

TEST(FlatParameters, RejectsMixedTypesAndNothing) {
  EXPECT_EQ(ThrownCode([] {
              FlatParameters({at::zeros({1}), at::zeros({1}, at::kDouble)});
            }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(ThrownCode([] { FlatParameters(std::vector<at::Tensor>()); }),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ronde
