#pragma once

#include "core/device/device.h"

namespace ronde {

/// The token of this process. Reads files of /proc: keep it rather than ask again; a forked child
/// has another one.
[[nodiscard]] ProcessToken ThisProcess();

}  // namespace ronde
