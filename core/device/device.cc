#include "core/device/device.h"

namespace ronde {

std::string_view Name(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kCuda:
      return "cuda";
    case DeviceKind::kSimulated:
      return "simulated";
  }
  return "?";
}

}  // namespace ronde
