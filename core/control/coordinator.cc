#include "core/control/coordinator.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ronde {

Coordinator::Coordinator(int size, const Config& config, const Clock& clock,
                         EngineObserver* observer)
    : negotiator_(size, static_cast<int>(config.GetInteger(Setting::kResponseCacheCapacity)),
                  observer),
      stall_inspector_(clock, config.GetReal(Setting::kStallWarningS),
                       config.GetReal(Setting::kStallShutdownS)),
      clock_(clock),
      // A single rank submits and waits: nothing would come to share a list.
      cycle_time_ns_(
          size == 1 ? 0 : static_cast<std::int64_t>(config.GetReal(Setting::kCycleTimeMs) * 1e6)),
      batch_bytes_(config.GetInteger(Setting::kFusionThresholdBytes)) {}

Status Coordinator::Add(int rank, RequestList list) {
  const bool had_ready = negotiator_.has_ready();
  const std::int64_t now_ns = clock_.NowNs();
  for (const std::uint32_t slot : list.complete) {
    const int index = static_cast<int>(slot);
    negotiator_.AddCached(index, negotiator_.RanksBelow(index, rank), list.last_rank, list.as_of,
                          now_ns);
  }
  for (const RankSlots& some : list.partial) {
    for (const std::uint32_t slot : some.slots) {
      negotiator_.AddCached(static_cast<int>(slot), std::span(&some.rank, 1), some.rank, list.as_of,
                            now_ns);
    }
  }
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
  const bool due = negotiator_.has_ready() && (negotiator_.ready_bytes() >= batch_bytes_ ||
                                               clock_.NowNs() - ready_since_ns_ >= cycle_time_ns_);
  const bool is_news = negotiator_.has_news() && !negotiator_.has_ready();
  if (!ended_ && !due && !is_news) return std::nullopt;
  ResponseList list = negotiator_.TakeReady();
  list.shutdown = ended_;
  return list;
}

ResponseList Coordinator::Dismiss(const Status& error) {
  ended_ = true;
  negotiator_.FailWaiting(error);
  ResponseList list = negotiator_.TakeReady();
  list.shutdown = true;
  list.direct = true;
  return list;
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
