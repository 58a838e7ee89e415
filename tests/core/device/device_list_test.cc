#include "core/device/device_list.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(Device, BuildWithoutCudaHasNoDevices) {
  if (BuiltWithCuda()) GTEST_SKIP() << "this build has CUDA";
  EXPECT_TRUE(ListDevices().empty());
}

TEST(Device, ListWorksWithoutADriverAndIsConsistentWithOne) {
  int index = 0;
  for (const DeviceInfo& device : ListDevices()) {
    EXPECT_EQ(device.index, index++);
    EXPECT_FALSE(device.name.empty());
    EXPECT_GT(device.memory_bytes, 0);
    EXPECT_GT(device.major, 0);
  }
}

}  // namespace
}  // namespace ronde
