#pragma once

#include <gtest/gtest.h>

#include "core/device/open_device.h"

namespace ronde {

/// Skips its tests where no GPU is, with what the search for one says (see ronde_gpu_test).
class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto device = OpenCudaDevice(0);
    if (!device.ok()) GTEST_SKIP() << device.status().message();
  }
};

}  // namespace ronde
