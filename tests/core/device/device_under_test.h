#pragma once

#include <memory>

#include "core/base/status.h"
#include "core/device/device.h"
#include "core/device/launch.h"
#include "tests/core/device/conformance_kernels.h"

namespace ronde {

// What the conformance suite needs of a kind of device; each test program has its own.

/// The device that the suite runs on, with the kernels loaded; an error is the reason to skip.
[[nodiscard]] Result<std::unique_ptr<Device>> OpenDeviceUnderTest();

Status LaunchUnderTest(StreamView stream, LaunchShape shape, const GateKernel& kernel);
Status LaunchUnderTest(StreamView stream, LaunchShape shape, const StepKernel& kernel);
Status LaunchUnderTest(StreamView stream, LaunchShape shape, const BarrierKernel& kernel);

}  // namespace ronde
