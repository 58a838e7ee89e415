#include "core/autotuning/gaussian_process.h"

#include <cmath>

#include <gtest/gtest.h>

namespace ronde {
namespace {

Eigen::MatrixXd Line(std::initializer_list<double> points) {
  Eigen::MatrixXd matrix(1, static_cast<Eigen::Index>(points.size()));
  Eigen::Index i = 0;
  for (const double point : points) matrix(0, i++) = point;
  return matrix;
}

TEST(GaussianProcess, PassesThroughNoiselessValues) {
  const Eigen::Vector3d values(1, -1, 0.5);
  const GaussianProcess process(Line({0, 0.5, 1}), values, {{0.3}, 1e-9});
  EXPECT_NEAR(process.Predict({0.5}).mean, -1, 1e-6);
  EXPECT_NEAR(process.Predict({0.5}).deviation, 0, 1e-3);
  EXPECT_GT(process.Predict({0.75}).deviation, 0.1);
}

// By hand, for one observation: mean k / (1 + noise) y, variance 1 - k^2 / (1 + noise).
TEST(GaussianProcess, PredictsAsTheFormulasSay) {
  const double scaled = std::sqrt(5.0) * 0.5 / 0.25;
  const double kernel = (1 + scaled + scaled * scaled / 3) * std::exp(-scaled);
  const GaussianProcess process(Line({0}), Eigen::VectorXd::Constant(1, 2.0), {{0.25}, 0.1});
  const auto prediction = process.Predict({0.5});
  EXPECT_NEAR(prediction.mean, 2 * kernel / 1.1, 1e-12);
  EXPECT_NEAR(prediction.deviation, std::sqrt(1 - kernel * kernel / 1.1), 1e-12);
  EXPECT_NEAR(process.log_likelihood(), -2 / 1.1 - std::log(2 * M_PI * 1.1) / 2, 1e-12);
}

TEST(GaussianProcess, FitTellsWhatMattersFromWhatDoesNot) {
  std::vector<std::vector<double>> points;
  std::vector<double> values;
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 5; ++j) {
      points.push_back({i / 4.0, j / 4.0});
      values.push_back(std::sin(6 * points.back()[0]));
    }
  }
  const GaussianProcess process = GaussianProcess::Fit(points, values);
  EXPECT_LE(process.parameters().length_scales[0], 1);
  EXPECT_GE(process.parameters().length_scales[1], 2);
  EXPECT_LE(process.parameters().noise_variance, 1e-3);
}

TEST(GaussianProcess, FitTellsNoiseFromASignal) {
  std::vector<std::vector<double>> points;
  std::vector<double> values;
  for (int i = 0; i < 20; ++i) {
    points.push_back({i / 19.0});
    values.push_back(i % 2 == 0 ? 1 : -1);
  }
  EXPECT_GE(GaussianProcess::Fit(points, values).parameters().noise_variance, 0.2);
}

TEST(ExpectedImprovement, IsThatOfTheNormalDistribution) {
  EXPECT_NEAR(ExpectedImprovement({0, 1}, 0), 1 / std::sqrt(2 * M_PI), 1e-12);
  EXPECT_NEAR(ExpectedImprovement({2, 1e-15}, 0.5), 1.5, 1e-12);
  EXPECT_EQ(ExpectedImprovement({-1, 0}, 0), 0);
  EXPECT_LT(ExpectedImprovement({-1, 1}, 0), ExpectedImprovement({0, 1}, 0));
}

}  // namespace
}  // namespace ronde
