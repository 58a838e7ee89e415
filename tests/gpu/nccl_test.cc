// NCCL with one rank: more would need as many GPUs.
#include <gtest/gtest.h>

#include "bench/collectives/sweep.h"
#include "collectives/device/nccl/nccl_library.h"
#include "tests/gpu/gpu.h"
#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

class NcclOnOneGpu : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    const auto nccl = LoadNccl(DeviceKind::kCuda);
    if (!nccl.ok()) GTEST_SKIP() << nccl.status().message();
  }
};

BenchOptions OptionsFor(Collective collective) {
  BenchOptions options;
  options.collective = collective;
  options.device = DeviceChoice::kCuda;
  options.rules.on_device = true;
  options.max_bytes = 4 << 20;
  options.step_factor = 1024;
  options.iterations = 3;
  options.warmup_iterations = 2;
  options.dtypes = {DataType::kFloat32, DataType::kBFloat16};
  options.ops = {ReduceOp::kSum, ReduceOp::kAverage};
  options.peers = {"nccl"};
  return options;
}

TEST_F(NcclOnOneGpu, EveryCollectiveIsRight) {
  for (const Collective collective :
       {Collective::kAllreduce, Collective::kAllgather, Collective::kReducescatter,
        Collective::kBroadcast, Collective::kAlltoall}) {
    RunRanksOwning(1, [&](std::unique_ptr<Transport> transport) {
      const Config config;
      auto direct = DirectRunner::CreateOn(std::move(transport), config);
      ASSERT_TRUE(direct.ok());
      auto device = BenchDevice::Open(DeviceChoice::kCuda, 0);
      ASSERT_TRUE(device.ok()) << device.status().ToString();
      const BenchOptions options = OptionsFor(collective);
      const SweepParts parts = {device.value().get(), &Session::Create};
      int rows = 0;
      const Status status = Sweep(options, config, *direct.value(), parts, [&rows](const Row& row) {
        ++rows;
        ASSERT_EQ(row.peers.size(), 1u);
        EXPECT_TRUE(row.peers[0].supported);
        for (int place = 0; place < row.places(); ++place) {
          EXPECT_EQ(row.wrong[place], 0) << Name(row.collective) << " " << row.size_bytes;
          EXPECT_EQ(row.peers[0].wrong[place], 0) << Name(row.collective);
        }
      });
      EXPECT_TRUE(status.ok()) << status.ToString();
      EXPECT_GT(rows, 0);
    });
  }
}

TEST_F(NcclOnOneGpu, IsThereOnce) { EXPECT_EQ(MappedNccl().size(), 1u); }

}  // namespace
}  // namespace ronde::bench
