// What tests/gpu does on a GPU, on a simulated device: so it runs everywhere.
#include "tests/gpu/allreduce_body.h"
#include "tests/gpu/fault_body.h"
#include "tests/gpu/kernel_body.h"
#include "tests/gpu/ranks_body.h"

namespace ronde::bench {
namespace {

TEST(DeviceBodies, AllreduceHasTheHostsBits) {
  for (const int ranks : {1, 2, 3}) {
    RunOnDevices(ranks, DeviceChoice::kSimulated, {}, [](RankOnDevice& rank) {
      ExpectConformance(rank.runner, rank.rank(), rank.size(), 70001);
    });
  }
}

TEST(DeviceBodies, AMissingPeerIsNamed) {
  RunFault(DeviceChoice::kSimulated, With(Setting::kTimeoutS, "1"), ExpectMissingPeerIsNamed);
}

TEST(DeviceBodies, AnAbortEndsTheWait) {
  RunFault(DeviceChoice::kSimulated, {}, ExpectAbortEndsTheWait);
}

TEST(DeviceBodies, KernelsMatchTheHost) {
  const auto device = BenchDevice::Open(DeviceChoice::kSimulated, 0);
  ASSERT_TRUE(device.ok());
  ExpectReductionsMatchHost(*device.value());
  ExpectPackingMatchesSimulation(*device.value());
}

}  // namespace
}  // namespace ronde::bench
