#include <gtest/gtest.h>

#include "bench/device/kernel_benchmarks.h"

namespace ronde::bench {
namespace {

TEST(KernelBenchmarks, UpdateParametersInOneStretchAndInMany) {
  KernelOptions options;
  options.model = "161x100";
  options.elements = 5001;
  options.rounds = 1;
  options.batch_us = 1;
  const auto device = BenchDevice::Open(DeviceChoice::kSimulated, 0);
  ASSERT_TRUE(device.ok());
  std::vector<KernelRow> rows;
  const Status status = MeasureOptimizer(options, *device.value(),
                                         [&rows](const KernelRow& row) { rows.push_back(row); });
  ASSERT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(rows.size(), 6u);
  for (const KernelRow& row : rows) {
    EXPECT_EQ(row.wrong, 0) << row.kernel << " " << row.variant;
    EXPECT_EQ(row.goal_percent, 85);
  }
  EXPECT_EQ(rows[2].kernel, "both");
  EXPECT_EQ(rows[2].bytes_moved, 44 * 5001);
}

}  // namespace
}  // namespace ronde::bench
