#pragma once

#include "core/device/device_links.h"
#include "core/device/nvml_table.h"

namespace ronde {

/// The functions of libnvidia-ml.so.1; not usable() where there is no driver. The library stays
/// loaded.
[[nodiscard]] NvmlTable LoadNvml();

/// All devices of the machine, with index -1 and without their NUMA nodes: NVML knows neither.
/// Empty where NVML does not start.
[[nodiscard]] DeviceLinks LinksFromNvml(const NvmlTable& nvml);

}  // namespace ronde
