#include "core/autotuning/gaussian_process.h"

#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace ronde {
namespace {

constexpr std::array kLengthScales = {0.1, 0.2, 0.35, 0.6, 1.0, 2.0, 4.0};
constexpr std::array kNoiseVariances = {1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5};
constexpr int kSweeps = 3;

double Matern52(double distance) {
  const double scaled = std::sqrt(5.0) * distance;
  return (1 + scaled + scaled * scaled / 3) * std::exp(-scaled);
}

// Few points say little of how fast the values change: a length scale four times 0.5, or a
// quarter, has to be likelier by one unit.
double LogPrior(const GaussianProcess::Parameters& parameters) {
  double log_prior = 0;
  for (const double length_scale : parameters.length_scales) {
    const double doublings = std::log2(length_scale / 0.5);
    log_prior -= doublings * doublings / 4;
  }
  return log_prior;
}

Eigen::MatrixXd Scaled(Eigen::MatrixXd points, const std::vector<double>& length_scales) {
  for (Eigen::Index i = 0; i < points.rows(); ++i) {
    points.row(i) /= length_scales[static_cast<std::size_t>(i)];
  }
  return points;
}

}  // namespace

GaussianProcess::GaussianProcess(Eigen::MatrixXd points, const Eigen::VectorXd& values,
                                 Parameters parameters)
    : points_(Scaled(std::move(points), parameters.length_scales)),
      parameters_(std::move(parameters)) {
  const Eigen::Index count = values.size();
  Eigen::MatrixXd covariance(count, count);
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      covariance(i, j) = Matern52((points_.col(i) - points_.col(j)).norm());
    }
    covariance(i, i) += parameters_.noise_variance;
  }
  factor_.compute(covariance);  // reads the lower half
  weights_ = factor_.solve(values);
  const Eigen::MatrixXd lower = factor_.matrixL();
  log_likelihood_ = -values.dot(weights_) / 2 - lower.diagonal().array().log().sum() -
                    static_cast<double>(count) * std::log(2 * std::numbers::pi) / 2;
}

GaussianProcess GaussianProcess::Fit(const std::vector<std::vector<double>>& points,
                                     const std::vector<double>& values) {
  const std::size_t dimensions = points.front().size();
  Eigen::MatrixXd matrix(static_cast<Eigen::Index>(dimensions),
                         static_cast<Eigen::Index>(points.size()));
  for (std::size_t i = 0; i < points.size(); ++i) {
    matrix.col(static_cast<Eigen::Index>(i)) =
        Eigen::Map<const Eigen::VectorXd>(points[i].data(), static_cast<Eigen::Index>(dimensions));
  }
  const Eigen::VectorXd vector =
      Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));

  Parameters best{.length_scales = std::vector<double>(dimensions, 0.6)};
  const auto posterior = [&](const Parameters& parameters) {
    return GaussianProcess(matrix, vector, parameters).log_likelihood() + LogPrior(parameters);
  };
  double best_posterior = posterior(best);
  const auto keep_if_better = [&](const Parameters& parameters) {
    const double value = posterior(parameters);
    if (!(value > best_posterior)) return;
    best_posterior = value;
    best = parameters;
  };
  // One parameter at a time: there are few, and a coarse optimum is good enough.
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (const double noise_variance : kNoiseVariances) {
      keep_if_better({best.length_scales, noise_variance});
    }
    for (std::size_t i = 0; i < dimensions; ++i) {
      for (const double length_scale : kLengthScales) {
        Parameters parameters = best;
        parameters.length_scales[i] = length_scale;
        keep_if_better(parameters);
      }
    }
  }
  return {std::move(matrix), vector, std::move(best)};
}

GaussianProcess::Prediction GaussianProcess::Predict(const std::vector<double>& point) const {
  Eigen::VectorXd covariance(points_.cols());
  const Eigen::VectorXd scaled = Scaled(
      Eigen::Map<const Eigen::VectorXd>(point.data(), points_.rows()), parameters_.length_scales);
  for (Eigen::Index i = 0; i < points_.cols(); ++i) {
    covariance(i) = Matern52((points_.col(i) - scaled).norm());
  }
  const Eigen::VectorXd explained = factor_.matrixL().solve(covariance);
  const double variance = 1 - explained.squaredNorm();
  return {covariance.dot(weights_), std::sqrt(variance > 0 ? variance : 0)};
}

double ExpectedImprovement(const GaussianProcess::Prediction& prediction, double best) {
  const double ahead = prediction.mean - best;
  if (prediction.deviation < 1e-12) return ahead > 0 ? ahead : 0;
  const double deviations = ahead / prediction.deviation;
  const double density = std::exp(-deviations * deviations / 2) / std::sqrt(2 * std::numbers::pi);
  const double probability = std::erfc(-deviations / std::numbers::sqrt2) / 2;
  return ahead * probability + prediction.deviation * density;
}

}  // namespace ronde
