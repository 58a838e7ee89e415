#pragma once

#include <string>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/calibrate.h"
#include "bench/collectives/direct_runner.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde::bench {

/// Collective: as Calibrate, for memory of `device`: measures what device algorithms are judged by
/// (their costs, up to which size cuda_ipc reduces in one shot, how fast host memory is reached,
/// which algorithm is fastest for which size in private and in mapped memory) and puts it into the
/// entry of these ranks in `path`; what that says of host memory stays.
/// Errors: those of Calibrate.
Status CalibrateDevice(DirectRunner& direct, BenchDevice& device, const Config& config,
                       const std::string& path, const CalibrationEffort& effort = {});

}  // namespace ronde::bench
