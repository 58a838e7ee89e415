#include "frontends/torch/fused_sgd.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

using torch::nn::Sequential;
using torch::optim::OptimizerParamGroup;
using torch::optim::SGD;
using torch::optim::SGDOptions;

std::vector<OptimizerParamGroup> TwoGroups(Sequential& model, const SGDOptions& options) {
  const std::vector<at::Tensor> parameters = model->parameters();
  SGDOptions without_decay(options);
  without_decay.weight_decay(0);
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{parameters[0], parameters[2]},
                      std::make_unique<SGDOptions>(options));
  groups.emplace_back(std::vector<at::Tensor>{parameters[1], parameters[3]},
                      std::make_unique<SGDOptions>(without_decay));
  return groups;
}

void ExpectFollowsSgd(const SGDOptions& options) {
  Sequential fused_model = TinyModel();
  Sequential plain_model = TinyModel();
  FusedSgd fused(TwoGroups(fused_model, options), options);
  SGD plain(TwoGroups(plain_model, options), options);
  for (int step = 0; step < 12; ++step) {
    for (auto* optimizer : {static_cast<SGD*>(&fused), &plain}) {
      for (auto& group : optimizer->param_groups()) group.options().set_lr(0.1 / (1 + step % 3));
    }
    fused.zero_grad();
    plain.zero_grad();
    TinyLoss(fused_model, 0, step).backward();
    TinyLoss(plain_model, 0, step).backward();
    if (step % 4 == 3) {
      fused_model->parameters()[3].mutable_grad().reset();
      plain_model->parameters()[3].mutable_grad().reset();
    }
    fused.step();
    plain.step();
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(
          at::allclose(fused_model->parameters()[i], plain_model->parameters()[i], 1e-13, 1e-14))
          << "parameter " << i << ", step " << step;
    }
  }
}

TEST(FusedSgd, FollowsTorchsSgd) {
  ExpectFollowsSgd(SGDOptions(0.1));
  ExpectFollowsSgd(SGDOptions(0.1).weight_decay(1e-2));
  ExpectFollowsSgd(SGDOptions(0.1).momentum(0.9).weight_decay(1e-2));
  ExpectFollowsSgd(SGDOptions(0.1).momentum(0.9).nesterov(true).weight_decay(1e-2));
  ExpectFollowsSgd(SGDOptions(0.1).momentum(0.9).dampening(0.5));
}

TEST(FusedSgd, TakesAGradientThatLiesOtherwise) {
  at::Tensor fused_weights = TinyValues({4, 6}, 1).requires_grad_();
  at::Tensor plain_weights = TinyValues({4, 6}, 1).requires_grad_();
  FusedSgd fused({fused_weights}, SGDOptions(0.1).momentum(0.9));
  SGD plain({plain_weights}, SGDOptions(0.1).momentum(0.9));
  for (int step = 0; step < 3; ++step) {
    const at::Tensor gradient = TinyValues({6, 4}, 2 + step).t();
    fused_weights.mutable_grad() = gradient;
    plain_weights.mutable_grad() = gradient.clone();
    fused.step();
    plain.step();
    EXPECT_TRUE(at::allclose(fused_weights, plain_weights, 1e-13, 1e-14));
  }
}

TEST(FusedSgd, ReturnsTheClosuresLoss) {
  at::Tensor weights = at::ones({2}, at::kDouble).requires_grad_();
  FusedSgd fused({weights}, SGDOptions(0.5));
  const at::Tensor loss = fused.step([&] {
    fused.zero_grad();
    at::Tensor sum = weights.sum();
    sum.backward();
    return sum;
  });
  EXPECT_EQ(loss.item<double>(), 2);
  EXPECT_EQ(weights[0].item<double>(), 0.5);
}

}  // namespace
}  // namespace ronde
