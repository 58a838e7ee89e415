#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "collectives/device/hierarchical/plan_call.h"
#include "collectives/device/hierarchical/plan_resources.h"
#include "collectives/device/hierarchical/plan_schedule.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"
#include "core/device/event.h"

namespace ronde {

/// Carries a plan out, once. Streams are given their steps as soon as what they wait for has been
/// given to streams as well, or has been done by the host or the wire; they wait for each other by
/// events. This thread drives the wire and adds what arrives: it looks at events and transfers in
/// turn and blocks in neither of them.
///
/// It returns when the wire is done and the last step is on its stream: the channel's stream then
/// has the result for what is given to it afterwards.
class PlanRun {
 public:
  PlanRun(const PlanCall& call, const PlanSchedule& schedule, PlanResources& resources);

  /// When it has failed, too, the copies that are under way end before the channel's stream does.
  /// Errors: kTimeout naming the rank, with its host, that does not send or take its data, or whose
  /// kernel is missing; kAborted; kInternal of the device.
  Status Run();

 private:
  enum class State : std::uint8_t { kWaiting, kIssued, kDone };
  struct Transfer {
    int step;
    std::unique_ptr<PendingTransfer> pending;
  };

  [[nodiscard]] const PlanStep& StepOf(int step) const {
    return schedule_.plan.steps[static_cast<std::size_t>(step)];
  }
  [[nodiscard]] State& StateOf(int step) { return states_[static_cast<std::size_t>(step)]; }
  [[nodiscard]] bool IsReady(const PlanStep& step);
  [[nodiscard]] bool IsStreamReady(const PlanStep& step);
  [[nodiscard]] bool TouchesSlots(const PlanStep& step) const;

  // Each does what it can now; `moved_` says whether that was anything.
  Status LookAtSlots();
  Status GiveToStreams();
  Status LookAtEvents();
  Status StartTransfers();
  Status LookAtTransfers();
  void WorkOnHost();

  Status Issue(int step);
  Status HoldUp(const PlanStep& step);
  Status Start(int step);
  Status RunToEnd();
  [[nodiscard]] bool HasEnded() const;
  /// What comes after this call on the channel's stream comes after its results.
  Status Close();
  [[nodiscard]] Status CheckFaults();
  [[nodiscard]] Status TellWhoIsMissing(double waited_s) const;

  const PlanCall& call_;
  const PlanSchedule& schedule_;
  PlanResources& resources_;
  Transport& wire_;
  std::vector<State> states_;
  std::vector<std::shared_ptr<const Event>> events_;  // by step: of those that are observed
  std::array<std::size_t, kPlanStreams> given_ = {};  // by stream: how many steps it has
  std::array<std::size_t, kPlanStreams> seen_ = {};   // how many of them are not looked at any more
  std::vector<std::size_t> started_;                  // by queue of the wire
  std::vector<int> host_open_;
  std::vector<Transfer> transfers_;
  bool slots_free_ = false;
  bool device_works_ = false;  // somebody waits for a stream
  bool moved_ = false;
};

}  // namespace ronde
