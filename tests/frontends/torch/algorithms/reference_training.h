#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "frontends/torch/algorithms/training_algorithm.h"
#include "tests/frontends/torch/algorithms/reference_model.h"

namespace ronde {

/// Changes within windows, so that it matters which step's value an algorithm takes.
inline double LearningRate(std::int64_t step) {
  return 0.2 / (1.0 + 0.1 * static_cast<double>(step % 5));
}

/// How a training goes besides its algorithm.
struct TrainingSettings {
  double momentum = 0.9;
  bool nesterov = true;
  double weight_decay = 1e-4;
  bool classic_form = false;  ///< the learning rate inside the momentum buffers, corrected
  bool decay_norm = true;     ///< weight decay on batch norm's parameters too
  bool batch_norm = true;
  int local_batch = ReferenceModel::kBatch;  ///< in the local phase
  std::function<double(std::int64_t)> learning_rate = &LearningRate;
};

/// K workers trained by the definitions of the four algorithms, in float64.
class ReferenceTraining {
 public:
  using Vector = ReferenceModel::Vector;

  ReferenceTraining(std::string algorithm, int workers, AlgorithmOptions options,
                    TrainingSettings settings)
      : algorithm_(std::move(algorithm)),
        options_(options),
        settings_(std::move(settings)),
        model_{settings_.batch_norm} {
    Vector initial(model_.count());
    for (int i = 0; i < model_.count(); ++i) initial[i] = ReferenceModel::InitialParameter(i);
    w_.assign(workers, initial);
    v_.assign(workers, Vector(model_.count(), 0.0));
    statistics_.assign(workers, model_.InitialStatistics());
    anchor_ = initial;
    slow_.assign(model_.count(), 0.0);
  }

  void Step(std::int64_t t) {
    const std::int64_t last_minibatch = algorithm_ == "minibatch" ? t
                                        : algorithm_ == "local"   ? 0
                                                                  : options_.switch_step;
    const int batch = t <= last_minibatch ? ReferenceModel::kBatch : settings_.local_batch;
    std::vector<Vector> gradients;
    for (int k = 0; k < static_cast<int>(w_.size()); ++k)
      gradients.push_back(Gradient(k, t, batch));
    if (t <= last_minibatch) gradients.assign(w_.size(), Mean(gradients));
    for (Vector& gradient : gradients) Clip(gradient);
    for (std::size_t k = 0; k < w_.size(); ++k) SgdStep(w_[k], v_[k], gradients[k], t);
    if (t == last_minibatch) anchor_ = w_[0];
    if (t <= last_minibatch || (t - last_minibatch) % options_.local_steps != 0) return;
    w_.assign(w_.size(), Mean(w_));
    if (options_.momentum == MomentumAtAverage::kAverage) v_.assign(v_.size(), Mean(v_));
    if (options_.momentum == MomentumAtAverage::kReset) {
      v_.assign(v_.size(), Vector(model_.count(), 0.0));
    }
    if (algorithm_ == "slowmo") OuterStep(settings_.learning_rate(t));
  }

  [[nodiscard]] const Vector& weights(int worker) const { return w_[worker]; }
  [[nodiscard]] const Vector& momentum(int worker) const { return v_[worker]; }
  [[nodiscard]] const Vector& statistics(int worker) const { return statistics_[worker]; }

 private:
  [[nodiscard]] Vector Mean(const std::vector<Vector>& vectors) const {
    Vector mean(model_.count(), 0.0);
    for (const Vector& vector : vectors) {
      for (int i = 0; i < model_.count(); ++i) mean[i] += vector[i];
    }
    for (double& value : mean) value /= static_cast<double>(vectors.size());
    return mean;
  }

  // The mean over the passes of one step.
  Vector Gradient(int worker, std::int64_t t, int batch) {
    std::vector<Vector> passes;
    for (int pass = 0; pass < options_.accumulation_steps; ++pass) {
      passes.push_back(
          model_.Gradient(w_[worker], statistics_[worker], {worker, t, pass * batch, batch}));
    }
    return Mean(passes);
  }

  void Clip(Vector& gradient) const {
    if (options_.max_gradient_norm == 0) return;
    double squares = 0;
    for (const double value : gradient) squares += value * value;
    const double factor = options_.max_gradient_norm / (std::sqrt(squares) + 1e-6);
    if (factor >= 1) return;
    for (double& value : gradient) value *= factor;
  }

  void SgdStep(Vector& w, Vector& v, const Vector& gradient, std::int64_t t) const {
    const double rate = settings_.learning_rate(t);
    const double correction = t > 1 ? rate / settings_.learning_rate(t - 1) : 1;
    const double mu = settings_.momentum;
    for (int i = 0; i < model_.count(); ++i) {
      const bool decays = settings_.decay_norm || !model_.IsNorm(i);
      const double g = gradient[i] + (decays ? settings_.weight_decay * w[i] : 0);
      if (settings_.classic_form) {
        v[i] = mu * correction * v[i] + rate * g;
        w[i] -= settings_.nesterov ? rate * g + mu * v[i] : v[i];
      } else {
        v[i] = mu * v[i] + g;
        w[i] -= rate * (settings_.nesterov ? g + mu * v[i] : v[i]);
      }
    }
  }

  void OuterStep(double gamma) {
    for (int i = 0; i < model_.count(); ++i) {
      slow_[i] = options_.slow_momentum * slow_[i] + (anchor_[i] - w_[0][i]) / gamma;
      anchor_[i] -= options_.slow_lr * gamma * slow_[i];
    }
    w_.assign(w_.size(), anchor_);
  }

  std::string algorithm_;
  AlgorithmOptions options_;
  TrainingSettings settings_;
  ReferenceModel model_;
  std::vector<Vector> w_;
  std::vector<Vector> v_;
  std::vector<Vector> statistics_;
  Vector anchor_;
  Vector slow_;
};

}  // namespace ronde
