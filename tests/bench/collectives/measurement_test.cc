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
  row.collective = Collective::kAllgather;
  EXPECT_DOUBLE_EQ(row.BusBandwidth(row.timing[0]), 0.75);  // (p-1)/p
}

// Answers at once; knows what it was asked.
class FakeRunner final : public CollectiveRunner {
 public:
  [[nodiscard]] bool Supports(const CollectiveCall&) const override { return true; }
  Status Begin() override { return Status::Ok(); }
  Status Run(const CollectiveCall&) override {
    ++runs;
    return Status::Ok();
  }
  Status Barrier() override {
    ++barriers;
    return Status::Ok();
  }
  void End() override {}
  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall&) override { return "fake"; }

  int runs = 0;
  int barriers = 0;
};

TEST(TimeCalls, ASampleOfASmallSizeIsTenCallsUnlessCachesAreCold) {
  std::vector<std::byte> memory(64);
  CollectiveCall call;
  call.input = memory.data();
  call.output = memory.data();
  call.layout = LayoutOf(Collective::kAllreduce, 64, DataType::kFloat32, 2);
  FakeRunner runner;
  std::vector<double> samples;
  ASSERT_TRUE(TimeCalls(runner, call, {.consume = true}, 3, samples).ok());
  EXPECT_EQ(runner.runs, 30);
  EXPECT_EQ(runner.barriers, 0);
  ASSERT_TRUE(TimeCalls(runner, call, {.cold = true}, 3, samples).ok());
  EXPECT_EQ(runner.runs, 33);
  EXPECT_EQ(runner.barriers, 3);  // ranks evict at different speeds
  EXPECT_EQ(samples.size(), 6u);
}

TEST(MedianRatio, ComparesSamplesOfTheSameTime) {
  // The machine has become half as fast in between.
  EXPECT_EQ(MedianRatio({8, 16, 16}, {10, 20, 20}), 0.8);
  EXPECT_EQ(MedianRatio({}, {}), 0);
}

}  // namespace
}  // namespace ronde::bench
