#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "frontends/torch/algorithms/training_algorithm.h"

namespace ronde {

/// A 3-4-2 tanh perceptron with half the mean squared error, in plain float64 loops. Parameters in
/// libtorch's order: weight 4x3, bias 4, weight 2x4, bias 2.
struct ReferenceModel {
  static constexpr int kIn = 3, kHidden = 4, kOut = 2, kBatch = 5;
  static constexpr int kCount = kHidden * kIn + kHidden + kOut * kHidden + kOut;
  using Vector = std::vector<double>;

  static double Input(int rank, std::int64_t step, int sample, int i) {
    return std::sin(0.7 * static_cast<double>(step) + 2.3 * rank + 1.1 * sample + 0.4 * i);
  }
  static double Target(int rank, std::int64_t step, int sample, int i) {
    return std::cos(0.3 * static_cast<double>(step) + 1.9 * rank + 0.8 * sample + 1.3 * i);
  }
  static double InitialParameter(int i) { return 0.5 * std::sin(1.0 + 3.7 * i); }

  /// The gradient at `w` on the batch of (rank, step).
  static Vector Gradient(const Vector& w, int rank, std::int64_t step) {
    const double* w1 = w.data();
    const double* b1 = w1 + kHidden * kIn;
    const double* w2 = b1 + kHidden;
    const double* b2 = w2 + kOut * kHidden;
    Vector gradient(kCount, 0.0);
    double* g1 = gradient.data();
    double* gb1 = g1 + kHidden * kIn;
    double* g2 = gb1 + kHidden;
    double* gb2 = g2 + kOut * kHidden;
    for (int s = 0; s < kBatch; ++s) {
      double hidden[kHidden];
      double hidden_gradient[kHidden] = {};
      for (int h = 0; h < kHidden; ++h) {
        double sum = b1[h];
        for (int i = 0; i < kIn; ++i) sum += w1[h * kIn + i] * Input(rank, step, s, i);
        hidden[h] = std::tanh(sum);
      }
      for (int o = 0; o < kOut; ++o) {
        double sum = b2[o];
        for (int h = 0; h < kHidden; ++h) sum += w2[o * kHidden + h] * hidden[h];
        const double error = (sum - Target(rank, step, s, o)) / kBatch;
        gb2[o] += error;
        for (int h = 0; h < kHidden; ++h) {
          g2[o * kHidden + h] += error * hidden[h];
          hidden_gradient[h] += error * w2[o * kHidden + h];
        }
      }
      for (int h = 0; h < kHidden; ++h) {
        const double error = hidden_gradient[h] * (1 - hidden[h] * hidden[h]);
        gb1[h] += error;
        for (int i = 0; i < kIn; ++i) g1[h * kIn + i] += error * Input(rank, step, s, i);
      }
    }
    return gradient;
  }
};

struct OptimizerSettings {
  double momentum = 0.9;
  bool nesterov = true;
  double weight_decay = 1e-4;
};

/// Changes within windows, so that it matters which step's value an algorithm takes.
inline double LearningRate(std::int64_t step) {
  return 0.2 / (1.0 + 0.1 * static_cast<double>(step % 5));
}

/// K workers trained by the definitions of the four algorithms, in float64.
class ReferenceTraining {
 public:
  using Vector = ReferenceModel::Vector;

  ReferenceTraining(std::string algorithm, int workers, AlgorithmOptions options,
                    OptimizerSettings optimizer)
      : algorithm_(std::move(algorithm)), options_(options), optimizer_(optimizer) {
    Vector initial(ReferenceModel::kCount);
    for (int i = 0; i < ReferenceModel::kCount; ++i) {
      initial[i] = ReferenceModel::InitialParameter(i);
    }
    w_.assign(workers, initial);
    v_.assign(workers, Vector(ReferenceModel::kCount, 0.0));
    anchor_ = initial;
    slow_.assign(ReferenceModel::kCount, 0.0);
  }

  void Step(std::int64_t t) {
    const std::int64_t last_minibatch = algorithm_ == "minibatch" ? t
                                        : algorithm_ == "local"   ? 0
                                                                  : options_.switch_step;
    std::vector<Vector> gradients;
    for (std::size_t k = 0; k < w_.size(); ++k) {
      gradients.push_back(ReferenceModel::Gradient(w_[k], static_cast<int>(k), t));
    }
    if (t <= last_minibatch) gradients.assign(w_.size(), Mean(gradients));
    for (std::size_t k = 0; k < w_.size(); ++k) SgdStep(w_[k], v_[k], gradients[k], t);
    if (t == last_minibatch) anchor_ = w_[0];
    if (t <= last_minibatch || (t - last_minibatch) % options_.local_steps != 0) return;
    w_.assign(w_.size(), Mean(w_));
    if (options_.momentum == MomentumAtAverage::kAverage) v_.assign(v_.size(), Mean(v_));
    if (options_.momentum == MomentumAtAverage::kReset) {
      v_.assign(v_.size(), Vector(ReferenceModel::kCount, 0.0));
    }
    if (algorithm_ == "slowmo") OuterStep(LearningRate(t));
  }

  [[nodiscard]] const Vector& weights(int worker) const { return w_[worker]; }
  [[nodiscard]] const Vector& momentum(int worker) const { return v_[worker]; }

 private:
  static Vector Mean(const std::vector<Vector>& vectors) {
    Vector mean(ReferenceModel::kCount, 0.0);
    for (const Vector& vector : vectors) {
      for (int i = 0; i < ReferenceModel::kCount; ++i) mean[i] += vector[i];
    }
    for (double& value : mean) value /= static_cast<double>(vectors.size());
    return mean;
  }

  void SgdStep(Vector& w, Vector& v, const Vector& gradient, std::int64_t t) const {
    for (int i = 0; i < ReferenceModel::kCount; ++i) {
      const double g = gradient[i] + optimizer_.weight_decay * w[i];
      v[i] = optimizer_.momentum * v[i] + g;
      w[i] -= LearningRate(t) * (optimizer_.nesterov ? g + optimizer_.momentum * v[i] : v[i]);
    }
  }

  void OuterStep(double gamma) {
    for (int i = 0; i < ReferenceModel::kCount; ++i) {
      slow_[i] = options_.slow_momentum * slow_[i] + (anchor_[i] - w_[0][i]) / gamma;
      anchor_[i] -= options_.slow_lr * gamma * slow_[i];
    }
    w_.assign(w_.size(), anchor_);
  }

  std::string algorithm_;
  AlgorithmOptions options_;
  OptimizerSettings optimizer_;
  std::vector<Vector> w_;
  std::vector<Vector> v_;
  Vector anchor_;
  Vector slow_;
};

}  // namespace ronde
