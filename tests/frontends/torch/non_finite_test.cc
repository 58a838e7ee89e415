#include "frontends/torch/non_finite.h"

#include <limits>

#include <gtest/gtest.h>

namespace ronde {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class NonFiniteTest : public testing::Test {
 protected:
  NonFiniteTest() : model_(torch::nn::Linear(3, 2), torch::nn::BatchNorm1d(2)) {}

  void Spoil(const at::Tensor& tensor, float value = std::numeric_limits<float>::quiet_NaN()) {
    tensor.detach().view(-1)[1] = value;
  }
  std::string Found() {
    const std::optional<NonFinite> found = FirstNonFinite(*model_);
    return found ? Describe(*found) : "nothing";
  }
  at::Tensor Parameter(const std::string& name) { return model_->named_parameters()[name]; }

  torch::nn::Sequential model_;
};

TEST_F(NonFiniteTest, FindsNothingInAFiniteModel) {
  EXPECT_EQ(Found(), "nothing");
  model_->forward(at::ones({4, 3})).sum().backward();
  EXPECT_EQ(Found(), "nothing");
}

TEST_F(NonFiniteTest, NamesTheFirstParameterInOrderOfRegistration) {
  Spoil(Parameter("1.weight"));
  Spoil(Parameter("0.bias"));
  EXPECT_EQ(Found(), "parameter '0.bias' is not finite in 1 of 2 elements");
}

TEST_F(NonFiniteTest, TakesInfinitiesToo) {
  Spoil(Parameter("0.weight"), -kInfinity);
  EXPECT_EQ(Found(), "parameter '0.weight' is not finite in 1 of 6 elements");
}

TEST_F(NonFiniteTest, LooksAtGradientsAfterParametersAndBeforeBuffers) {
  Spoil(model_->named_buffers()["1.running_var"], kInfinity);
  EXPECT_EQ(Found(), "buffer '1.running_var' is not finite in 1 of 2 elements");
  Parameter("0.bias").mutable_grad() = at::zeros({2});
  Spoil(Parameter("0.bias").grad());
  EXPECT_EQ(Found(), "gradient of '0.bias' is not finite in 1 of 2 elements");
  Spoil(Parameter("1.bias"));
  EXPECT_EQ(Found(), "parameter '1.bias' is not finite in 1 of 2 elements");
}

}  // namespace
}  // namespace ronde
