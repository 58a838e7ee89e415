#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ronde {

/// A 3-4-2 tanh perceptron with half the mean squared error, in plain float64 loops; with batch
/// norm (epsilon 1e-5, momentum 0.1) after the first layer or without. Parameters in libtorch's
/// order: weight 4x3, bias 4, [scale 4, shift 4,] weight 2x4, bias 2.
struct ReferenceModel {
  static constexpr int kIn = 3, kHidden = 4, kOut = 2, kBatch = 5;
  using Vector = std::vector<double>;

  bool batch_norm = true;

  [[nodiscard]] int count() const {
    return kHidden * kIn + kHidden + kOut * kHidden + kOut + (batch_norm ? 2 * kHidden : 0);
  }
  /// Whether parameter `i` is batch norm's.
  [[nodiscard]] bool IsNorm(int i) const {
    const int first = kHidden * kIn + kHidden;
    return batch_norm && i >= first && i < first + 2 * kHidden;
  }
  static double InitialParameter(int i) { return 0.5 * std::sin(1.0 + 3.7 * i); }
  /// Running means, then running variances; empty without batch norm.
  [[nodiscard]] Vector InitialStatistics() const {
    Vector statistics(batch_norm ? 2 * kHidden : 0, 0.0);
    for (std::size_t h = kHidden; h < statistics.size(); ++h) statistics[h] = 1;
    return statistics;
  }

  static double Input(int worker, std::int64_t step, int sample, int i) {
    return std::sin(0.7 * static_cast<double>(step) + 2.3 * worker + 1.1 * sample + 0.4 * i);
  }
  static double Target(int worker, std::int64_t step, int sample, int i) {
    return std::cos(0.3 * static_cast<double>(step) + 1.9 * worker + 0.8 * sample + 1.3 * i);
  }

  /// A batch of the data: samples `first` .. first + count - 1 of (worker, step).
  struct Batch {
    int worker = 0;
    std::int64_t step = 1;
    int first = 0;
    int count = kBatch;
    [[nodiscard]] double Input(int s, int i) const {
      return ReferenceModel::Input(worker, step, first + s, i);
    }
    [[nodiscard]] double Target(int s, int i) const {
      return ReferenceModel::Target(worker, step, first + s, i);
    }
  };

  /// The gradient at `w` on a batch; moves `statistics` on.
  Vector Gradient(const Vector& w, Vector& statistics, const Batch& data) const {
    const int batch = data.count;
    Vector gradient(count(), 0.0);
    const Layout<const double> at(w.data(), batch_norm);
    const Layout<double> to(gradient.data(), batch_norm);
    Vector linear(batch * kHidden);
    for (int s = 0; s < batch; ++s) {
      for (int h = 0; h < kHidden; ++h) {
        double sum = at.b1[h];
        for (int i = 0; i < kIn; ++i) sum += at.w1[h * kIn + i] * data.Input(s, i);
        linear[s * kHidden + h] = sum;
      }
    }
    const Norm norm = batch_norm ? Normalize(linear, statistics, batch) : Norm{};
    Vector error(batch * kHidden, 0.0);  // of the tanh's inputs, then of the first layer's outputs
    for (int s = 0; s < batch; ++s) {
      const double* x = (batch_norm ? norm.normalized : linear).data() + s * kHidden;
      BackwardOfHead(at, to, x, error.data() + s * kHidden, data, s);
    }
    if (batch_norm) BackwardOfNorm(at, to, norm, error, batch);
    for (int s = 0; s < batch; ++s) {
      for (int h = 0; h < kHidden; ++h) {
        to.b1[h] += error[s * kHidden + h];
        for (int i = 0; i < kIn; ++i) {
          to.w1[h * kIn + i] += error[s * kHidden + h] * data.Input(s, i);
        }
      }
    }
    return gradient;
  }

 private:
  template <typename T>
  struct Layout {
    Layout(T* first, bool batch_norm)
        : w1(first), b1(w1 + kHidden * kIn), scale(batch_norm ? b1 + kHidden : nullptr) {
      shift = batch_norm ? scale + kHidden : nullptr;
      w2 = b1 + (batch_norm ? 3 : 1) * kHidden;
      b2 = w2 + kOut * kHidden;
    }
    T *w1, *b1, *scale, *shift, *w2, *b2;
  };
  struct Norm {
    Vector normalized;  // without scale and shift
    Vector inverse_deviation;
  };

  static Norm Normalize(const Vector& x, Vector& statistics, int batch) {
    Norm norm{x, Vector(kHidden)};
    for (int h = 0; h < kHidden; ++h) {
      double mean = 0;
      for (int s = 0; s < batch; ++s) mean += x[s * kHidden + h] / batch;
      double squares = 0;
      for (int s = 0; s < batch; ++s) squares += std::pow(x[s * kHidden + h] - mean, 2);
      norm.inverse_deviation[h] = 1 / std::sqrt(squares / batch + 1e-5);
      for (int s = 0; s < batch; ++s) {
        norm.normalized[s * kHidden + h] = (x[s * kHidden + h] - mean) * norm.inverse_deviation[h];
      }
      statistics[h] = 0.9 * statistics[h] + 0.1 * mean;
      statistics[kHidden + h] = 0.9 * statistics[kHidden + h] + 0.1 * squares / (batch - 1);
    }
    return norm;
  }

  // From x, the input of scale, shift and tanh (one sample) to the loss and back.
  void BackwardOfHead(const Layout<const double>& at, const Layout<double>& to, const double* x,
                      double* error, const Batch& data, int sample) const {
    double hidden[kHidden];
    for (int h = 0; h < kHidden; ++h) {
      hidden[h] = std::tanh(batch_norm ? at.scale[h] * x[h] + at.shift[h] : x[h]);
    }
    for (int o = 0; o < kOut; ++o) {
      double sum = at.b2[o];
      for (int h = 0; h < kHidden; ++h) sum += at.w2[o * kHidden + h] * hidden[h];
      const double output_error = (sum - data.Target(sample, o)) / data.count;
      to.b2[o] += output_error;
      for (int h = 0; h < kHidden; ++h) {
        to.w2[o * kHidden + h] += output_error * hidden[h];
        error[h] += output_error * at.w2[o * kHidden + h];
      }
    }
    for (int h = 0; h < kHidden; ++h) error[h] *= 1 - hidden[h] * hidden[h];
  }

  static void BackwardOfNorm(const Layout<const double>& at, const Layout<double>& to,
                             const Norm& norm, Vector& error, int batch) {
    for (int h = 0; h < kHidden; ++h) {
      for (int s = 0; s < batch; ++s) {
        to.shift[h] += error[s * kHidden + h];
        to.scale[h] += error[s * kHidden + h] * norm.normalized[s * kHidden + h];
      }
      const double factor = at.scale[h] * norm.inverse_deviation[h];
      for (int s = 0; s < batch; ++s) {
        double& value = error[s * kHidden + h];
        value = factor * (value - to.shift[h] / batch -
                          norm.normalized[s * kHidden + h] * to.scale[h] / batch);
      }
    }
  }
};

}  // namespace ronde
