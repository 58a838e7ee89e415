#include "bench/collectives/calibrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/collectives/calibrate_device.h"
#include "core/base/text_file.h"
#include "core/comm/topology.h"
#include "tests/support/run_ranks.h"
#include "tests/support/temporary_folder.h"

namespace ronde::bench {
namespace {

using testing::HasSubstr;

constexpr CalibrationEffort kQuick = {.largest_bytes = 1 << 20, .round_us = 20, .patience_s = 0.2};

Status CalibrateOn(std::unique_ptr<Transport> transport, const std::string& path) {
  auto direct = DirectRunner::CreateOn(std::move(transport), Config());
  if (!direct.ok()) return direct.status();
  return Calibrate(*direct.value(), Config(), path, kQuick);
}

TEST(Calibrate, WritesAFileThatEveryRankCountExtendsAndSelectionReads) {
  const TemporaryFolder folder;
  const std::string path = folder.File("tuning.json");
  for (const int ranks : {2, 3}) {
    RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
      const Status status = CalibrateOn(std::move(transport), path);
      EXPECT_TRUE(status.ok()) << status.message();
    });
  }
  const auto file = ReadTuningFile(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file.value().machine, MachineKey(DetectTopology()));
  ASSERT_NE(file.value().Find(2, 1), nullptr);
  ASSERT_NE(file.value().Find(3, 1), nullptr);
  EXPECT_FALSE(file.value().Find(3, 1)->allreduce.empty());
  EXPECT_GT(file.value().Find(3, 1)->costs.shared_memory.alpha_us, 0);
  Config config;
  ASSERT_TRUE(config.Set(Setting::kTuningFile, path, SettingOrigin::kFlag).ok());
  RunRanks(2, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok());
    ASSERT_NE(context.value()->tuning(), nullptr);
    EXPECT_TRUE(Selector::Create(config, context.value()->tuning()).ok());
  });
}

TEST(CalibrateDevice, PutsTheDevicesCostsBesideTheHosts) {
  const TemporaryFolder folder;
  const std::string path = folder.File("tuning.json");
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const int rank = transport->rank();
    auto direct = DirectRunner::CreateOn(std::move(transport), Config());
    ASSERT_TRUE(direct.ok());
    ASSERT_TRUE(Calibrate(*direct.value(), Config(), path, kQuick).ok());
    auto device = BenchDevice::Open(DeviceChoice::kSimulated, rank);
    ASSERT_TRUE(device.ok());
    const Status status = CalibrateDevice(*direct.value(), *device.value(), Config(), path, kQuick);
    EXPECT_TRUE(status.ok()) << status.message();
  });
  const auto file = ReadTuningFile(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Tuning* const tuning = file.value().Find(2, 1);
  ASSERT_NE(tuning, nullptr);
  EXPECT_FALSE(tuning->allreduce.empty());
  ASSERT_TRUE(tuning->device.has_value());
  EXPECT_EQ(tuning->device->device, "simulated");
  EXPECT_GT(tuning->device->costs.peer.alpha_us, 0);
  EXPECT_GT(tuning->device->costs.host_copy.alpha_us, 0);
  ASSERT_FALSE(tuning->device->allreduce.empty());
  EXPECT_EQ(tuning->device->allreduce[0].algorithm, "cuda_ipc");
}

TEST(Calibrate, NeedsCompanyAndAFileOfItsOwn) {
  const TemporaryFolder folder;
  RunRanksOwning(1, [&](std::unique_ptr<Transport> transport) {
    const Status status = CalibrateOn(std::move(transport), folder.File("t.json"));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  });
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const bool first = transport->rank() == 0;
    const std::string path = folder.File("nowhere/t.json");
    const Status status = CalibrateOn(std::move(transport), path);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    if (first) {
      EXPECT_THAT(status.message(), HasSubstr("--calibrate: cannot write '" + path + "'"));
    }
  });
  ASSERT_TRUE(ReplaceTextFile(folder.File("letter"), "Dear reader").ok());
  RunRanksOwning(2, [&](std::unique_ptr<Transport> transport) {
    const bool first = transport->rank() == 0;
    const Status status = CalibrateOn(std::move(transport), folder.File("letter"));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    if (first) {
      EXPECT_THAT(status.message(), HasSubstr("will not overwrite"));
    }
  });
  EXPECT_EQ(ReadTextFile(folder.File("letter")).value(), "Dear reader");
}

}  // namespace
}  // namespace ronde::bench
