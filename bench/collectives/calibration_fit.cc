#include "bench/collectives/calibration_fit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace ronde::bench {
namespace {

constexpr int kParameters = 3;
// How strongly the prior holds what samples leave open; a sample of full weight counts 1.
constexpr double kPriorWeight = 1e-6;
// One size, however clear, should not outvote several others: it may have met a disturbance.
constexpr double kLoudestVote = 0.3;

using Vector = std::array<double, kParameters>;
using Matrix = std::array<Vector, kParameters>;

// Parameters are fitted as multiples of the prior, so that they are of one magnitude.
struct Normal {
  Matrix matrix{};
  Vector right{};

  void Add(const Vector& row, double value, double weight) {
    for (int i = 0; i < kParameters; ++i) {
      right[i] += weight * row[i] * value;
      for (int j = 0; j < kParameters; ++j) matrix[i][j] += weight * row[i] * row[j];
    }
  }
  // Without the constant that all solutions have in common.
  [[nodiscard]] double Residual(const Vector& x) const {
    double residual = 0;
    for (int i = 0; i < kParameters; ++i) {
      residual -= 2 * right[i] * x[i];
      for (int j = 0; j < kParameters; ++j) residual += x[i] * matrix[i][j] * x[j];
    }
    return residual;
  }
};

// Gaussian elimination among the parameters in `free`; the others are zero. The prior's weight
// keeps the matrix regular.
Vector SolveWith(Normal normal, unsigned free) {
  for (int i = 0; i < kParameters; ++i) {
    if ((free >> i & 1) != 0) continue;
    for (int j = 0; j < kParameters; ++j) normal.matrix[i][j] = normal.matrix[j][i] = 0;
    normal.matrix[i][i] = 1;
    normal.right[i] = 0;
  }
  for (int pivot = 0; pivot < kParameters; ++pivot) {
    for (int row = 0; row < kParameters; ++row) {
      if (row == pivot) continue;
      const double factor = normal.matrix[row][pivot] / normal.matrix[pivot][pivot];
      for (int j = 0; j < kParameters; ++j) {
        normal.matrix[row][j] -= factor * normal.matrix[pivot][j];
      }
      normal.right[row] -= factor * normal.right[pivot];
    }
  }
  Vector x{};
  for (int i = 0; i < kParameters; ++i) x[i] = normal.right[i] / normal.matrix[i][i];
  return x;
}

std::int64_t Between(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(std::sqrt(static_cast<double>(a) * static_cast<double>(b)));
}

const Curve* Fastest(std::span<const Curve> curves, std::size_t size) {
  const Curve* best = nullptr;
  for (const Curve& curve : curves) {
    if (curve.time_us[size] <= 0) continue;
    if (best == nullptr || curve.time_us[size] < best->time_us[size]) best = &curve;
  }
  return best;
}

}  // namespace

LinkCost FitLink(std::span<const LinkSample> samples, const LinkCost& prior) {
  const Vector scale = {prior.alpha_us, prior.beta_us, prior.gamma_us};
  Normal normal;
  for (const LinkSample& sample : samples) {
    if (sample.time_us <= 0) continue;
    // Divided by the measured time: errors count relative to it.
    const Vector row = {sample.alphas * scale[0] / sample.time_us,
                        sample.betas * scale[1] / sample.time_us,
                        sample.gammas * scale[2] / sample.time_us};
    normal.Add(row, 1, 1);
  }
  for (int i = 0; i < kParameters; ++i) {
    Vector row{};
    row[i] = 1;
    normal.Add(row, 1, kPriorWeight);
  }
  Vector best{};
  double least = std::numeric_limits<double>::infinity();
  for (unsigned free = 1; free < 1U << kParameters; ++free) {
    const Vector x = SolveWith(normal, free);
    if (std::any_of(x.begin(), x.end(), [](double value) { return value < 0; })) continue;
    const double residual = normal.Residual(x);
    if (residual >= least) continue;
    least = residual;
    best = x;
  }
  return {best[0] * scale[0], best[1] * scale[1], best[2] * scale[2]};
}

std::int64_t CrossoverBytes(std::span<const std::int64_t> sizes, std::span<const double> small_us,
                            std::span<const double> large_us) {
  // The cut with the least time on both sides of it, where each size counts by its ratio.
  std::size_t cut = 0;
  double least = 0;
  double sum = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    sum += std::clamp(std::log(small_us[i] / large_us[i]), -kLoudestVote, kLoudestVote);
    if (sum > least) continue;
    least = sum;
    cut = i + 1;
  }
  if (cut == 0) return 0;
  if (cut == sizes.size()) return INT64_MAX;
  return Between(sizes[cut - 1], sizes[cut]);
}

std::vector<TunedRule> RulesFrom(std::span<const std::int64_t> sizes, std::span<const Curve> curves,
                                 TunedRule::Buffers buffers, double margin) {
  std::vector<TunedRule> rules;
  const Curve* current = nullptr;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Curve* const fastest = Fastest(curves, i);
    if (fastest == nullptr) continue;
    const bool keeps = current != nullptr && current->time_us[i] > 0 &&
                       current->time_us[i] <= fastest->time_us[i] * (1 + margin);
    if (keeps) continue;
    current = fastest;
    const std::int64_t begin = rules.empty() ? 0 : Between(sizes[i - 1], sizes[i]);
    if (!rules.empty()) rules.back().max_bytes = begin - 1;
    rules.push_back({fastest->algorithm, begin, INT64_MAX, buffers});
  }
  return rules;
}

}  // namespace ronde::bench
