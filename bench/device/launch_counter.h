#pragma once

#include "bench/device/turns.h"
#include "core/base/status.h"

namespace ronde::bench {

/// How many kernels `work` launches on the benchmark's stream. On CUDA it is recorded, not run.
[[nodiscard]] Result<int> CountLaunches(BenchDevice& device, const DeviceWork& work);

}  // namespace ronde::bench
