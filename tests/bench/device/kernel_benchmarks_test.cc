#include "bench/device/kernel_benchmarks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/device/kernel_options.h"
#include "bench/device/kernel_report.h"

namespace ronde::bench {
namespace {

using testing::HasSubstr;

KernelOptions Quick() {
  KernelOptions options;
  options.device = DeviceChoice::kSimulated;
  options.model = "161x1000";
  options.size_bytes = 10000;
  options.elements = 5001;
  options.rounds = 1;
  options.batch_us = 1;
  return options;
}

using Measurement = Status (*)(const KernelOptions&, BenchDevice&, const KernelSink&);

std::vector<KernelRow> RowsOf(Measurement measure, const KernelOptions& options) {
  std::vector<KernelRow> rows;
  const auto device = BenchDevice::Open(DeviceChoice::kSimulated, 0);
  EXPECT_TRUE(device.ok());
  const Status status =
      measure(options, *device.value(), [&rows](const KernelRow& row) { rows.push_back(row); });
  EXPECT_TRUE(status.ok()) << status.ToString();
  for (const KernelRow& row : rows) {
    EXPECT_TRUE(row.checked);
    EXPECT_EQ(row.wrong, 0) << row.kernel << " " << row.variant;
    EXPECT_GT(row.time_us, 0);
    EXPECT_GT(row.bound_us, 0);
    EXPECT_GE(row.launches, 1);
  }
  return rows;
}

TEST(KernelBenchmarks, PackAllGradientsInFewLaunches) {
  const std::vector<KernelRow> rows = RowsOf(&MeasurePack, Quick());
  ASSERT_EQ(rows.size(), 10u);
  for (const KernelRow& row : rows) {
    EXPECT_LE(row.launches, row.most_launches) << row.kernel << " " << row.variant;
  }
  // 161 tensors of 4000 bytes, and packed with padding to 4032.
  EXPECT_EQ(rows[0].bytes_moved, 161 * (4000 + 4032));
  EXPECT_EQ(rows[0].goal_percent, 85);
}

TEST(KernelBenchmarks, ReduceTwoToEightInputs) {
  const std::vector<KernelRow> rows = RowsOf(&MeasureReduce, Quick());
  ASSERT_EQ(rows.size(), 10u);
  EXPECT_EQ(rows[0].bytes_moved, 3 * 10000);
  EXPECT_EQ(rows[6].bytes_moved, 9 * 10000);
}

TEST(KernelBenchmarks, UnknownModelsAreRefused) {
  KernelOptions options = Quick();
  options.model = "nothing";
  const auto device = BenchDevice::Open(DeviceChoice::kSimulated, 0);
  ASSERT_TRUE(device.ok());
  const Status status = MeasurePack(options, *device.value(), [](const KernelRow&) {});
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
}

TEST(KernelReport, SaysWhatWasReachedOfTheBound) {
  KernelRow row;
  row.kernel = "reduce";
  row.bytes_moved = 3000;
  row.launches = 1;
  row.time_us = 2;
  row.bound_us = 1.8;
  row.checked = true;
  row.goal_percent = 85;
  const auto json = nlohmann::json::parse(KernelJson(Quick(), "simulated", row));
  EXPECT_DOUBLE_EQ(json["bound_percent"], 90);
  EXPECT_DOUBLE_EQ(json["gbs"], 1.5);
  EXPECT_EQ(json["goal_percent"], 85);
  EXPECT_TRUE(json["most_launches"].is_null());
  EXPECT_EQ(json["wrong"], 0);
  EXPECT_THAT(KernelLine(row), HasSubstr(" 90.0 "));
  EXPECT_THAT(KernelHeading(Quick(), "simulated"), HasSubstr("times and shares mean nothing"));
}

TEST(KernelOptions, ASimulatedDeviceHasLessToDo) {
  const auto parse = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ronde-bench-kernels");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStderr();
    ParsedKernelOptions parsed = ParseKernelOptions(static_cast<int>(argv.size()), argv.data());
    testing::internal::GetCapturedStderr();
    return parsed;
  };
  EXPECT_EQ(parse({}).options.size_bytes, 64 << 20);
  EXPECT_EQ(parse({"--device", "simulated"}).options.size_bytes, 1 << 20);
  EXPECT_EQ(parse({"--device", "simulated", "--size", "4K"}).options.size_bytes, 4096);
  EXPECT_THAT(parse({"--only", "reduce,pack"}).options.kernels,
              testing::ElementsAre("reduce", "pack"));
  EXPECT_EQ(parse({"--only", "sort"}).exit_code, 2);
  EXPECT_EQ(parse({"--size", "x"}).exit_code, 2);
  EXPECT_EQ(parse({"--device", "cpu"}).exit_code, 2);
}

}  // namespace
}  // namespace ronde::bench
