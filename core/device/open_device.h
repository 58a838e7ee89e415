#pragma once

#include <memory>

#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// The device of `index` among the usable ones (see ListDevices). Errors: kUnavailable, which says
/// whether the build, the driver or the device is missing, and what is there instead.
[[nodiscard]] Result<std::unique_ptr<Device>> OpenCudaDevice(int index);

}  // namespace ronde
