#include "core/observation/metrics_histogram.h"

#include <algorithm>

namespace ronde {

HistogramSnapshot LogHistogram::Snapshot(double per_unit) const {
  HistogramSnapshot snapshot;
  snapshot.per_unit = per_unit;
  snapshot.buckets.resize(kBuckets);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    snapshot.buckets[i] = buckets_[i].value();
    snapshot.count += snapshot.buckets[i];
  }
  snapshot.sum = static_cast<double>(sum_.value()) / per_unit;
  return snapshot;
}

double HistogramSnapshot::Quantile(double q) const {
  if (count == 0) return 0;
  const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(count);
  double before = 0;
  double lower = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const auto inside = static_cast<double>(buckets[i]);
    const auto upper = static_cast<double>(LogHistogram::UpperBound(i));
    // As if the values of a bucket lay evenly in it.
    if (inside > 0 && before + inside >= wanted) {
      return (lower + (upper - lower) * (wanted - before) / inside) / per_unit;
    }
    before += inside;
    lower = upper;
  }
  return lower / per_unit;
}

std::uint64_t HistogramSnapshot::CountUpToPowerOfTwo(int exponent) const {
  if (buckets.empty()) return 0;
  const std::size_t last = LogHistogram::BucketOf(std::uint64_t{1} << exponent);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= last; ++i) total += buckets[i];
  return total;
}

}  // namespace ronde
