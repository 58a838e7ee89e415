#pragma once

#include <cstdint>
#include <string>

#include "bench/collectives/direct_runner.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde::bench {

/// How long a calibration may take.
struct CalibrationEffort {
  std::int64_t largest_bytes = 32 << 20;  ///< 1 MiB at least
  double round_us = 6000;                 ///< aimed at for each contender, in each of a few rounds
  double patience_s = 20;                 ///< then larger sizes are left to the cost model
};

/// Collective: measures what --tuning-file holds for this machine and these ranks (costs of the
/// links, thresholds, which algorithm is fastest for which size in private and in registered
/// memory) and writes it to `path`, which keeps its entries for other numbers of ranks if they were
/// measured on this machine. Takes some 20 s; says on stderr how far it is.
/// Errors: kInvalidArgument for one rank alone, for a file there that is no tuning file, or one
/// that cannot be written; what the algorithms return.
Status Calibrate(DirectRunner& direct, const Config& config, const std::string& path,
                 const CalibrationEffort& effort = {});

}  // namespace ronde::bench
