#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "collectives/device/hierarchical/plan.h"

namespace ronde {

/// The streams: the first engines.
inline constexpr int kPlanStreams = 3;
[[nodiscard]] constexpr bool IsStream(PlanEngine engine) {
  return static_cast<int>(engine) < kPlanStreams;
}

/// A plan, sorted for the one who carries it out. Immutable.
struct PlanSchedule {
  explicit PlanSchedule(DevicePlan plan_in);

  DevicePlan plan;
  std::array<std::vector<int>, kPlanStreams> streams;  ///< by engine: its steps, in order
  std::vector<int> host;                               ///< the host's
  /// The wire's: for each peer, what is sent and what is received, in order.
  std::vector<std::vector<int>> wire;
  /// By step: somebody else than its stream waits for it, or it is the last one of a stream.
  std::vector<bool> observed;
};

}  // namespace ronde
