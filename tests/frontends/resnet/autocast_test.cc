#include "frontends/resnet/autocast.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "frontends/resnet/models/resnet.h"

namespace ronde {
namespace {

at::ScalarType TypeOfProduct() {
  return at::linear(at::ones({2, 3}), at::ones({2, 3})).scalar_type();
}

TEST(Autocast, ComputesInBf16WhileItLives) {
  EXPECT_EQ(TypeOfProduct(), at::kFloat);
  {
    const Autocast autocast(true);
    EXPECT_EQ(TypeOfProduct(), at::kBFloat16);
    {
      const Autocast inner(true);
      EXPECT_EQ(TypeOfProduct(), at::kBFloat16);
    }
    EXPECT_EQ(TypeOfProduct(), at::kBFloat16);
  }
  EXPECT_EQ(TypeOfProduct(), at::kFloat);
}

TEST(Autocast, DoesNothingWhenItIsNotEnabled) {
  const Autocast autocast(false);
  EXPECT_EQ(TypeOfProduct(), at::kFloat);
}

TEST(Autocast, LeavesWeightsGradientsAndStatisticsInFp32) {
  torch::manual_seed(1);
  ResNet model(*FindResNet("resnet8", 4, 3, 10));
  UseChannelsLast(*model);
  torch::Tensor loss;
  {
    const Autocast autocast(true);
    const torch::Tensor logits = model->forward(torch::randn({4, 3, 16, 16}));
    EXPECT_EQ(logits.scalar_type(), at::kBFloat16);
    loss = torch::cross_entropy_loss(logits, torch::tensor({1, 2, 3, 4}, torch::kInt64));
  }
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  loss.backward();
  for (const auto& item : model->named_parameters()) {
    EXPECT_EQ(item.value().scalar_type(), at::kFloat) << item.key();
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_EQ(item.value().grad().scalar_type(), at::kFloat) << item.key();
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
  }
  EXPECT_EQ(model->named_buffers()["bn1.running_var"].scalar_type(), at::kFloat);
}

// Weights change between steps: a copy in bfloat16 must not outlive its step.
TEST(Autocast, SeesWeightsThatHaveChanged) {
  torch::Tensor weight = torch::ones({1, 1}, torch::requires_grad());
  const auto product = [&weight] {
    const Autocast autocast(true);
    return torch::linear(torch::ones({1, 1}), weight).item<float>();
  };
  EXPECT_EQ(product(), 1);
  {
    const torch::NoGradGuard no_grad;
    weight.fill_(2);
  }
  EXPECT_EQ(product(), 2);
}

}  // namespace
}  // namespace ronde
