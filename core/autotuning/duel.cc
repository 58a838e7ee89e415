#include "core/autotuning/duel.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ronde {
namespace {

// Relative standard error of the median of scattered values, by their median absolute deviation,
// which a few outliers leave alone. 1.4826 makes it a standard deviation of a normal distribution,
// 1.2533 its mean's error the median's.
double RelativeError(const std::vector<double>& values) {
  const double middle = Median(values);
  if (middle <= 0) return 0;
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return 1.2533 * 1.4826 * Median(std::move(distances)) /
         (middle * std::sqrt(static_cast<double>(values.size())));
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<double> Duel::Of(Side side) const {
  std::vector<double> scores;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    const bool of_default = (i + 1) / 2 % 2 == 0;
    if (of_default == (side == Side::kDefault)) scores.push_back(scores_[i]);
  }
  return scores;
}

double Duel::Median(Side side) const { return ronde::Median(Of(side)); }

double Duel::NeededGain() const {
  const double noise =
      std::hypot(RelativeError(Of(Side::kDefault)), RelativeError(Of(Side::kBest)));
  return std::max(least_gain_, 2 * noise);
}

}  // namespace ronde
