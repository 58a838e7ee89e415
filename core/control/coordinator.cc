#include "core/control/coordinator.h"

#include <algorithm>
#include <utility>

namespace ronde {

Coordinator::Coordinator(int size, const Config& config, const Clock& clock)
    : negotiator_(size),
      stall_inspector_(clock, config.GetReal(Setting::kStallWarningS),
                       config.GetReal(Setting::kStallShutdownS)),
      clock_(clock),
      // A single rank submits and waits: nothing would come to share a list.
      cycle_time_ns_(
          size == 1 ? 0 : static_cast<std::int64_t>(config.GetReal(Setting::kCycleTimeMs) * 1e6)) {}

Status Coordinator::Add(int rank, RequestList list) {
  const bool had_ready = negotiator_.has_ready();
  const std::int64_t now_ns = clock_.NowNs();
  for (Request& request : list.requests) {
    RONDE_RETURN_IF_ERROR(negotiator_.AddRequest(rank, std::move(request), now_ns));
  }
  if (list.shutdown) RONDE_RETURN_IF_ERROR(negotiator_.MarkShutdown(rank));
  if (!had_ready && negotiator_.has_ready()) ready_since_ns_ = now_ns;
  return Status::Ok();
}

std::optional<ResponseList> Coordinator::TakeDue() {
  if (ended_) return std::nullopt;
  ended_ = negotiator_.all_shut_down();
  const bool due = negotiator_.has_ready() && clock_.NowNs() - ready_since_ns_ >= cycle_time_ns_;
  if (!ended_ && !due) return std::nullopt;
  return ResponseList{.responses = negotiator_.TakeReady(), .shutdown = ended_};
}

ResponseList Coordinator::Dismiss(const Status& error) {
  ended_ = true;
  negotiator_.FailWaiting(error);
  return {.responses = negotiator_.TakeReady(), .shutdown = true};
}

Status Coordinator::CheckStalls() {
  const auto since_ns = negotiator_.waiting_since_ns();
  if (!since_ns || clock_.NowNs() < stall_inspector_.NextCheckNs(*since_ns)) return Status::Ok();
  return stall_inspector_.Check(negotiator_.Waiting());
}

std::int64_t Coordinator::NextWakeNs() const {
  std::int64_t wake_ns = INT64_MAX;
  if (ended_) return wake_ns;
  if (negotiator_.has_ready()) wake_ns = ready_since_ns_ + cycle_time_ns_;
  if (const auto since_ns = negotiator_.waiting_since_ns()) {
    wake_ns = std::min(wake_ns, stall_inspector_.NextCheckNs(*since_ns));
  }
  return wake_ns;
}

}  // namespace ronde
