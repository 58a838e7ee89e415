#include "core/observation/metrics_histogram.h"

#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(LogHistogram, BucketsFollowOneAnotherAndHoldTheirUpperBounds) {
  for (std::size_t bucket = 0; bucket + 1 < LogHistogram::kBuckets; ++bucket) {
    const std::uint64_t bound = LogHistogram::UpperBound(bucket);
    EXPECT_EQ(LogHistogram::BucketOf(bound), bucket);
    EXPECT_EQ(LogHistogram::BucketOf(bound + 1), bucket + 1);
  }
}

TEST(LogHistogram, TakesEveryValue) {
  EXPECT_EQ(LogHistogram::BucketOf(0), 0U);
  EXPECT_EQ(LogHistogram::BucketOf(UINT64_MAX), LogHistogram::kBuckets - 1);
  EXPECT_EQ(LogHistogram::BucketOf(std::uint64_t{1} << LogHistogram::kMaxExponent),
            LogHistogram::kBuckets - 1);
}

TEST(LogHistogram, SumsAndCountsInUnits) {
  LogHistogram histogram;
  histogram.Record(1500);
  histogram.Record(500);
  const HistogramSnapshot snapshot = histogram.Snapshot(1e9);
  EXPECT_EQ(snapshot.count, 2U);
  EXPECT_DOUBLE_EQ(snapshot.sum, 2e-6);
  EXPECT_DOUBLE_EQ(snapshot.Mean(), 1e-6);
}

TEST(LogHistogram, CountsUpToPowersOfTwoExactly) {
  LogHistogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.Record(value);
  const HistogramSnapshot snapshot = histogram.Snapshot(1);
  for (int exponent = 0; exponent < 10; ++exponent) {
    EXPECT_EQ(snapshot.CountUpToPowerOfTwo(exponent), std::uint64_t{1} << exponent) << exponent;
  }
  EXPECT_EQ(snapshot.CountUpToPowerOfTwo(10), 1000U);
}

TEST(LogHistogram, EstimatesQuantilesToWithinAQuarter) {
  LogHistogram histogram;
  std::vector<double> values;
  for (int i = 1; i <= 10'000; ++i) {
    values.push_back(std::floor(std::pow(static_cast<double>(i), 2.5)));  // ascending
    histogram.Record(static_cast<std::uint64_t>(values.back()));
  }
  const HistogramSnapshot snapshot = histogram.Snapshot(1);
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = values[static_cast<std::size_t>(q * 10'000) - 1];
    EXPECT_NEAR(snapshot.Quantile(q), exact, exact / 4) << q;
  }
  EXPECT_LE(snapshot.Quantile(0.5), snapshot.Quantile(0.51));
}

TEST(LogHistogram, HasQuantilesOfNothingAndOfOutlandishFractions) {
  LogHistogram histogram;
  EXPECT_EQ(histogram.Snapshot(1).Quantile(0.5), 0);
  EXPECT_EQ(HistogramSnapshot().Quantile(0.5), 0);
  EXPECT_EQ(HistogramSnapshot().CountUpToPowerOfTwo(40), 0U);
  histogram.Record(3);
  EXPECT_LE(histogram.Snapshot(1).Quantile(2), 3);
  EXPECT_GE(histogram.Snapshot(1).Quantile(-1), 0);
}

}  // namespace
}  // namespace ronde
