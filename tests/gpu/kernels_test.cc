// The kernels of one GPU beside the host. Few threads of the host: a sanitizer's choice of program.
#include "tests/gpu/gpu.h"
#include "tests/gpu/kernel_body.h"

namespace ronde::bench {
namespace {

class Kernels : public GpuTest {};

TEST_F(Kernels, ReductionsHaveTheHostsBits) {
  const auto device = BenchDevice::Open(DeviceChoice::kCuda, 0);
  ASSERT_TRUE(device.ok());
  ExpectReductionsMatchHost(*device.value());
}

TEST_F(Kernels, PackingHasTheBytesOfTheSimulation) {
  const auto device = BenchDevice::Open(DeviceChoice::kCuda, 0);
  ASSERT_TRUE(device.ok());
  ExpectPackingMatchesSimulation(*device.value());
}

}  // namespace
}  // namespace ronde::bench
