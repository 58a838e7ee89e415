#pragma once

#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace ronde {

/// Regression by a Gaussian process of mean 0 with the kernel Matern 5/2, one length scale for each
/// dimension, and noise of equal variance in all values. Values should be standardised: the
/// kernel's variance is 1. A value; thread-safe once made.
/// Cost: making it n^3 times some hundred for the search of its parameters, a prediction n^2.
/// Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1 and
/// equations 4.17, 5.8.
class GaussianProcess {
 public:
  struct Prediction {
    double mean = 0;
    double deviation = 0;  ///< of the noiseless value
  };
  /// Length scales and noise.
  struct Parameters {
    std::vector<double> length_scales;
    double noise_variance = 0.01;
  };

  /// Conditioned on `values` at `points`, which have coordinates in [0, 1] and of which there is at
  /// least one. The parameters are those of the greatest likelihood, with a mild preference for
  /// length scales near 0.5, on a coarse grid.
  [[nodiscard]] static GaussianProcess Fit(const std::vector<std::vector<double>>& points,
                                           const std::vector<double>& values);
  /// The same with given parameters.
  GaussianProcess(Eigen::MatrixXd points, const Eigen::VectorXd& values, Parameters parameters);

  [[nodiscard]] Prediction Predict(const std::vector<double>& point) const;
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  /// Logarithm of the likelihood of the values.
  [[nodiscard]] double log_likelihood() const { return log_likelihood_; }

 private:
  Eigen::MatrixXd points_;  // scaled; a column for each
  Parameters parameters_;
  Eigen::LLT<Eigen::MatrixXd> factor_;  // of the covariance of the values
  Eigen::VectorXd weights_;             // its inverse times the values
  double log_likelihood_ = 0;
};

/// By how much a value of that prediction is expected to be above `best`; 0 counts where it is not.
/// Source: Jones, Schonlau & Welch, J. Global Optimization 13, 1998.
[[nodiscard]] double ExpectedImprovement(const GaussianProcess::Prediction& prediction,
                                         double best);

}  // namespace ronde
