#pragma once

#include <cstddef>
#include <vector>

#include "collectives/device/device_channel.h"
#include "collectives/device/device_context.h"
#include "collectives/device/hierarchical/plan.h"
#include "collectives/device/hierarchical/plan_memory.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// One call, as one rank carries it out.
struct PlanCall {
  DeviceContext& context;
  DeviceChannel& channel;
  PlanSum sum;
  /// By local rank, as mapped here: what is summed up, and where results belong. The same for ranks
  /// that reduce in place.
  std::vector<std::byte*> inputs = {};
  std::vector<std::byte*> outputs = {};
  PlanMemory memory = {};  ///< `tensor` is this rank's output
};

/// Gives a step of a stream to it.
Status IssueStep(const PlanCall& call, const DevicePlan& plan, const PlanStep& step,
                 StreamView stream);

}  // namespace ronde
