#include "core/device/device_list.h"

namespace ronde {

bool BuiltWithCuda() { return false; }

std::vector<DeviceInfo> ListDevices() { return {}; }

bool DeviceReaches(int, int) { return false; }

}  // namespace ronde
