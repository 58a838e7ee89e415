#include "collectives/device/hierarchical/companion.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace ronde {
namespace {

constexpr std::string_view kName = "hierarchical";
// Batches of one model have a few dozen sizes. The longest plans are of some MiB.
constexpr std::size_t kMostPlans = 48;

}  // namespace

HierarchicalCompanion& HierarchicalCompanion::Of(DeviceContext& context) {
  if (DeviceCompanion* const known = context.companion(kName)) {
    return static_cast<HierarchicalCompanion&>(*known);
  }
  auto companion = std::make_unique<HierarchicalCompanion>();
  companion->gpu_direct = context.facts().gpu_direct;
  return static_cast<HierarchicalCompanion&>(
      context.Keep(std::string(kName), std::move(companion)));
}

void HierarchicalCompanion::Abort() {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  for (const auto& resources : resources_) {
    if (resources != nullptr) resources->aborted.store(true, std::memory_order_relaxed);
  }
}

Result<PlanResources*> HierarchicalCompanion::ResourcesFor(DeviceContext& context,
                                                           DeviceChannel& channel) {
  const std::lock_guard lock(mutex_);
  const auto number = static_cast<std::size_t>(channel.number());
  if (resources_.size() <= number) resources_.resize(number + 1);
  std::unique_ptr<PlanResources>& its = resources_[number];
  if (its == nullptr) {
    RONDE_ASSIGN_OR_RETURN(its, PlanResources::Create(context.device(), channel.stream()));
    its->aborted.store(aborted_, std::memory_order_relaxed);
  }
  return its.get();
}

const PlanSchedule& HierarchicalCompanion::ScheduleFor(const DevicePlanShape& shape, int host,
                                                       int local_rank) {
  const auto is_it = [&](const Known& known) { return known.shape == shape; };
  auto found = std::find_if(known_.begin(), known_.end(), is_it);
  if (found == known_.end()) {
    if (known_.size() >= kMostPlans) known_.pop_back();
    known_.push_back(
        {shape, std::make_unique<PlanSchedule>(MakeDevicePlan(shape, host, local_rank))});
    found = known_.end() - 1;
  }
  std::rotate(known_.begin(), found, found + 1);
  return *known_.front().schedule;
}

void UseGpuDirect(DeviceContext& context, bool gpu_direct) {
  HierarchicalCompanion::Of(context).gpu_direct = gpu_direct;
}

}  // namespace ronde
