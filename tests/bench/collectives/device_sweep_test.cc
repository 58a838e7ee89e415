#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/collectives/session_worlds.h"
#include "bench/collectives/sweep.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

BenchOptions ShortOptions(Collective collective) {
  BenchOptions options;
  options.collective = collective;
  options.device = DeviceChoice::kSimulated;
  options.rules.on_device = true;
  options.min_bytes = 4;
  options.max_bytes = 64 << 10;
  options.step_factor = 128;
  options.iterations = 2;
  options.warmup_iterations = 1;
  options.dtypes = {DataType::kFloat32, DataType::kBFloat16};
  options.ops = {ReduceOp::kSum};
  return options;
}

// Sweeps on a simulated device for each rank; hands rows of all ranks to `look`.
Status SweepOn(int ranks, const BenchOptions& options, const std::function<void(const Row&)>& look,
               const Config& config = {}) {
  SessionWorlds worlds(ranks);
  Status first;
  RunRanksOwning(ranks, [&](std::unique_ptr<Transport> transport) {
    const int rank = transport->rank();
    auto direct = DirectRunner::CreateOn(std::move(transport), config);
    ASSERT_TRUE(direct.ok()) << direct.status().ToString();
    auto device = BenchDevice::Open(options.device, rank);
    ASSERT_TRUE(device.ok()) << device.status().ToString();
    std::size_t session = 0;
    const SessionMaker make_session = [&](const Config& settings) {
      return Session::CreateOn(worlds.Connect(session++, rank), settings);
    };
    const Status status =
        Sweep(options, config, *direct.value(), {device.value().get(), make_session}, look);
    if (rank == 0) first = status;
  });
  return first;
}

void ExpectRightRows(int ranks, const BenchOptions& options) {
  std::atomic<int> rows = 0;
  const Status status = SweepOn(ranks, options, [&](const Row& row) {
    ++rows;
    EXPECT_EQ(row.device, "simulated");
    EXPECT_TRUE(row.checked);
    EXPECT_FALSE(row.algorithm.empty());
    for (int place = 0; place < row.places(); ++place) {
      EXPECT_EQ(row.wrong[place], 0) << Name(row.collective) << " " << row.path << " "
                                     << row.size_bytes << " " << Name(row.dtype);
      EXPECT_GT(row.timing[place].mean_us, 0);
    }
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(rows, 2 * 3 * ranks);
}

TEST(DeviceSweep, AllreduceIsRightInPrivateAndInMappedMemory) {
  for (const int ranks : {1, 2, 3}) {
    for (const bool registered : {false, true}) {
      BenchOptions options = ShortOptions(Collective::kAllreduce);
      options.registered_buffers = registered;
      ExpectRightRows(ranks, options);
    }
  }
}

TEST(DeviceSweep, NamesTheAlgorithmThatRuns) {
  BenchOptions options = ShortOptions(Collective::kAllreduce);
  options.registered_buffers = true;
  const Status status = SweepOn(
      2, options, [](const Row& row) { EXPECT_EQ(row.algorithm, "cuda_ipc") << row.size_bytes; });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST(DeviceSweep, EveryCollectiveIsRightThroughTheEngine) {
  for (const Collective collective :
       {Collective::kAllreduce, Collective::kAllgather, Collective::kReducescatter,
        Collective::kBroadcast, Collective::kAlltoall}) {
    for (const bool registered : {false, true}) {
      BenchOptions options = ShortOptions(collective);
      options.engine_path = true;
      options.registered_buffers = registered;
      ExpectRightRows(2, options);
    }
  }
}

TEST(DeviceSweep, WhatHasNoBareFormIsRefusedWithARemedy) {
  const Status status = SweepOn(2, ShortOptions(Collective::kAllgather), [](const Row&) {});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), testing::HasSubstr("use --path engine"));
}

TEST(DeviceSweep, AnAlgorithmThatCannotRunHereIsRefused) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kAllreduceAlgorithm, "nccl", SettingOrigin::kFlag).ok());
  const Status status = SweepOn(
      2, ShortOptions(Collective::kAllreduce), [](const Row&) {}, config);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), testing::HasSubstr("nccl"));
}

}  // namespace
}  // namespace ronde::bench
