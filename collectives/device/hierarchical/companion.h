#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "collectives/device/device_context.h"
#include "collectives/device/hierarchical/plan_resources.h"
#include "collectives/device/hierarchical/plan_schedule.h"
#include "core/base/status.h"

namespace ronde {

/// What hierarchical allreduces keep with a DeviceContext: plans that they have made, and for each
/// channel what those need. Thread rule: engine-only, but for Abort().
class HierarchicalCompanion final : public DeviceCompanion {
 public:
  /// The one of `context`, which is made if it is not there. Waits for nobody.
  [[nodiscard]] static HierarchicalCompanion& Of(DeviceContext& context);

  void Abort() override;

  [[nodiscard]] Result<PlanResources*> ResourcesFor(DeviceContext& context, DeviceChannel& channel);
  /// This rank's, valid until the next call.
  [[nodiscard]] const PlanSchedule& ScheduleFor(const DevicePlanShape& shape, int host,
                                                int local_rank);

  /// The transport takes device memory. Equal on all ranks.
  bool gpu_direct = false;
  /// The first failure: what is under way then is not to be touched again.
  Status failure;

 private:
  struct Known {
    DevicePlanShape shape;
    std::unique_ptr<PlanSchedule> schedule;
  };
  std::mutex mutex_;                                       // Abort() against ResourcesFor()
  bool aborted_ = false;                                   // guarded by mutex_
  std::vector<std::unique_ptr<PlanResources>> resources_;  // by channel; guarded by mutex_
  std::vector<Known> known_;                               // the last used first
};

/// On all ranks alike: whether messages are sent from and to device memory. Where the transport
/// takes it; for tests, on devices whose memory is the host's.
void UseGpuDirect(DeviceContext& context, bool gpu_direct);

}  // namespace ronde
