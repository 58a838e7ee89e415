#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "collectives/device/hierarchical/plan_schedule.h"
#include "core/base/status.h"
#include "core/device/device.h"
#include "core/device/device_buffer.h"
#include "core/device/event.h"
#include "core/device/stream.h"

namespace ronde {

/// What plans on one channel need besides it, kept from call to call: two streams for copies, slots
/// that grow, events. Thread rule: engine-only.
class PlanResources {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PlanResources>> Create(Device& device,
                                                                     StreamView compute);
  /// Waits for the copies that are under way, for a while; keeps what they still work on.
  ~PlanResources();
  PlanResources(const PlanResources&) = delete;
  PlanResources& operator=(const PlanResources&) = delete;

  [[nodiscard]] StreamView stream(PlanEngine engine) const {
    return streams_[static_cast<std::size_t>(engine)];
  }
  [[nodiscard]] EventPool& events() { return events_; }
  [[nodiscard]] std::byte* slots(PlanSpace space) const { return Buffer(space).data(); }

  /// Room for the slots of `plan`. Where they must grow, it waits for the copies of the call
  /// before.
  Status Reserve(const DevicePlan& plan, const Deadline& deadline);

  /// When the call before does not touch its slots any more; null: it does not.
  std::shared_ptr<const Event> slots_free;
  /// Any thread sets it: who waits with this gives up. Relaxed: it guards nothing.
  std::atomic<bool> aborted{false};

 private:
  PlanResources(Device& device, StreamView compute)
      : device_(&device), streams_({compute, {}, {}}), events_(device) {}
  [[nodiscard]] const DeviceBuffer& Buffer(PlanSpace space) const {
    return space == PlanSpace::kPinned ? pinned_ : room_;
  }

  Device* device_;
  std::array<StreamView, kPlanStreams> streams_;
  EventPool events_;
  Stream copy_out_;
  Stream copy_in_;
  DeviceBuffer pinned_;
  DeviceBuffer room_;
};

}  // namespace ronde
