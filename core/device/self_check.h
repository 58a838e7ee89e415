#pragma once

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// Runs a kernel whose blocks hand data to one another, and copies the result back: whether this
/// build has code for the device, and what the kernels of the collectives rest on.
/// Errors: kInternal with the first wrong word, kTimeout, the device's own.
[[nodiscard]] Status CheckDevice(Device& device, Deadline deadline);

}  // namespace ronde
