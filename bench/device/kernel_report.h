#pragma once

#include <string>

#include "bench/device/kernel_row.h"

namespace ronde::bench {

/// The heading of the table. `device_name`: as its driver calls it.
[[nodiscard]] std::string KernelHeading(const KernelOptions& options,
                                        const std::string& device_name);
[[nodiscard]] std::string KernelLine(const KernelRow& row);
/// One JSON object without a newline.
[[nodiscard]] std::string KernelJson(const KernelOptions& options, const std::string& device_name,
                                     const KernelRow& row);

}  // namespace ronde::bench
