#include "core/device/device.h"

namespace ronde {

bool BuiltWithCuda() { return false; }

std::vector<DeviceInfo> ListDevices() { return {}; }

}  // namespace ronde
