#include "bench/collectives/measurement.h"

#include <gtest/gtest.h>

namespace ronde::bench {
namespace {

TEST(Summarize, GivesMeanMedianAndTail) {
  std::vector<double> samples;
  for (int i = 100; i >= 1; --i) samples.push_back(i);
  const Timing timing = Summarize(samples);
  EXPECT_DOUBLE_EQ(timing.mean_us, 50.5);
  EXPECT_DOUBLE_EQ(timing.p50_us, 50);
  EXPECT_DOUBLE_EQ(timing.p99_us, 99);
}

TEST(Summarize, OfOneSampleIsThatSample) {
  const Timing timing = Summarize({7});
  EXPECT_DOUBLE_EQ(timing.p50_us, 7);
  EXPECT_DOUBLE_EQ(timing.p99_us, 7);
}

TEST(Row, BandwidthsFollowNcclTests) {
  Row row;
  row.size_bytes = 1000000;
  row.ranks = 4;
  row.timing[0].mean_us = 1000;
  EXPECT_DOUBLE_EQ(row.AlgorithmBandwidth(row.timing[0]), 1.0);  // GB/s
  EXPECT_DOUBLE_EQ(row.BusBandwidth(row.timing[0]), 1.5);        // 2(p-1)/p
}

}  // namespace
}  // namespace ronde::bench
