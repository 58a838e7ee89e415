#pragma once

#include <cstddef>
#include <vector>

#include "collectives/device/hierarchical/plan.h"

namespace ronde {

/// Bytes per microsecond of what carries steps out, and what a message costs besides.
struct PlanRates {
  double stream = 20'000;  ///< each of the streams
  double host = 8'000;
  double wire = 1'250;  ///< each direction of each rank
  double alpha_us = 30;
};

struct PlanTime {
  double total_us = 0;
  double wire_us = 0;        ///< what the busiest rank sends takes by itself
  double one_by_one_us = 0;  ///< all steps of the busiest rank, without overlap
};

/// How long the plans of the first rank of each host take, if every engine does one thing at a time
/// as soon as it may.
[[nodiscard]] PlanTime TimeOf(const DevicePlanShape& shape, const PlanRates& rates);

}  // namespace ronde
