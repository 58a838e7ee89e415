// One rank of several processes that share a GPU over CUDA IPC; ronderun starts them. They take
// turns on it: this is about right results, not speed. Exit code 0: right.
#include <cstdio>

#include <gtest/gtest.h>

#include "core/comm/transport_table.h"
#include "core/device/open_device.h"
#include "tests/gpu/allreduce_body.h"
#include "tests/gpu/ranks_body.h"

namespace ronde::bench {
namespace {

TEST(IpcRanks, AllreduceHasTheHostsBits) {
  const Config config;
  auto world = CreateLaunchedWorld(config);
  ASSERT_TRUE(world.ok()) << world.status().ToString();
  RunOnDevice(std::move(world).value(), DeviceChoice::kCuda, config, [](RankOnDevice& rank) {
    if (rank.size() > 1) {
      EXPECT_TRUE(rank.runner.context().facts().peers_reach_each_other);
    }
    ExpectConformance(rank.runner, rank.rank(), rank.size(), 100003);
  });
}

}  // namespace
}  // namespace ronde::bench

int main(int argc, char** argv) {
  const auto device = ronde::OpenCudaDevice(0);
  if (!device.ok()) {
    std::printf("%s\n", device.status().message().c_str());
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
