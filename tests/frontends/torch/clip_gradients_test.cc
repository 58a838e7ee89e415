#include "frontends/torch/clip_gradients.h"

#include <gtest/gtest.h>

#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

double NormOfGradients(const torch::nn::Sequential& model) {
  double squares = 0;
  for (const at::Tensor& parameter : model->parameters()) {
    squares += parameter.grad().square().sum().item<double>();
  }
  return std::sqrt(squares);
}

TEST(ClipGradientNorm, ScalesDownAndNeverUp) {
  torch::nn::Sequential model = TinyModel();
  TinyLoss(model, 0, 0).backward();
  const double norm = NormOfGradients(model);
  ClipGradientNorm(model->parameters(), 2 * norm);
  EXPECT_DOUBLE_EQ(NormOfGradients(model), norm);
  ClipGradientNorm(model->parameters(), norm / 4);
  EXPECT_NEAR(NormOfGradients(model), norm / 4, 1e-5 * norm);
}

TEST(ClipGradientNorm, TakesParametersWithoutAGradient) {
  torch::nn::Sequential model = TinyModel();
  ClipGradientNorm(model->parameters(), 1);
  TinyLoss(model, 0, 0).backward();
  model->parameters()[0].mutable_grad().reset();
  ClipGradientNorm(model->parameters(), 1e-3);
  EXPECT_FALSE(model->parameters()[0].grad().defined());
}

}  // namespace
}  // namespace ronde
