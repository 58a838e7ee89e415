#include "core/control/coordinator.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ronde {

Coordinator::Coordinator(int size, const Config& config, const Clock& clock,
                         EngineObserver* observer, Autotuner* autotuner, bool can_lock)
    : negotiator_(size, static_cast<int>(config.GetInteger(Setting::kResponseCacheCapacity)),
                  observer),
      locks_(size, can_lock ? config.GetInteger(Setting::kLockAfter) : 0),
      stall_inspector_(clock, config.GetReal(Setting::kStallWarningS),
                       config.GetReal(Setting::kStallShutdownS)),
      clock_(clock),
      autotuner_(autotuner),
      // A single rank submits and waits: nothing would come to share a list.
      cycle_time_ns_(
          size == 1 ? 0 : static_cast<std::int64_t>(config.GetReal(Setting::kCycleTimeMs) * 1e6)),
      batch_bytes_(config.GetInteger(Setting::kFusionThresholdBytes)) {}

Status Coordinator::Add(int rank, RequestList list) {
  const bool had_ready = negotiator_.has_ready();
  const std::int64_t now_ns = clock_.NowNs();
  const bool can_leave = KnowsItsSlots(rank, list);
  if (list.frozen != 0) locks_.AddFrozen(rank, list.frozen, list.pledged);
  if (list.unlock != 0) locks_.RequestUnlock(now_ns, list.unlock);
  // Nobody who keeps to a locked schedule has anything of this to say.
  if (!list.requests.empty() || list.shutdown) locks_.RequestUnlock(now_ns);
  for (const std::uint32_t slot : list.complete) {
    const int index = static_cast<int>(slot);
    negotiator_.AddCached(index, negotiator_.RanksBelow(index, rank, list.as_of), list.last_rank,
                          list.as_of, now_ns);
  }
  for (const RankSlots& some : list.partial) {
    for (const std::uint32_t slot : some.slots) {
      negotiator_.AddCached(static_cast<int>(slot), std::span(&some.rank, 1), some.rank, list.as_of,
                            now_ns);
    }
  }
  for (Request& request : list.requests) {
    // What a rank waits for when it leaves has been kept of it.
    if (negotiator_.HasLeft(rank, list.as_of)) break;
    if (request.kind == OperationKind::kJoin && !can_leave) continue;
    RONDE_RETURN_IF_ERROR(negotiator_.AddRequest(rank, std::move(request), now_ns));
  }
  if (list.shutdown && can_leave && !negotiator_.HasShutDown(rank)) {
    RONDE_RETURN_IF_ERROR(negotiator_.MarkShutdown(rank));
  }
  if (!had_ready && negotiator_.has_ready()) ready_since_ns_ = now_ns;
  return Status::Ok();
}

bool Coordinator::KnowsItsSlots(int rank, const RequestList& list) const {
  for (const RankSlots& some : list.partial) {
    if (some.rank != rank) continue;
    for (const std::uint32_t slot : some.slots) {
      if (!negotiator_.IsCurrent(static_cast<int>(slot), list.as_of)) return false;
    }
  }
  return true;
}

std::optional<ResponseList> Coordinator::TakeDue() {
  if (ended_) return std::nullopt;
  // Under a lock all else waits for its end: ranks could not tell where it comes among the units.
  if (locks_.locked()) {
    if (autotuner_ != nullptr && autotuner_->has_next()) locks_.Interrupt(clock_.NowNs());
    return TakeLockNews();
  }
  ended_ = negotiator_.all_shut_down();
  const bool due = negotiator_.has_ready() && (negotiator_.ready_bytes() >= batch_bytes_ ||
                                               clock_.NowNs() - ready_since_ns_ >= cycle_time_ns_);
  const bool is_news = negotiator_.has_news() && !negotiator_.has_ready();
  if (!ended_ && !due && !is_news) return std::nullopt;
  ResponseList list = negotiator_.TakeReady();
  list.shutdown = ended_;
  Tune(list);
  locks_.Observe(list, negotiator_.slots(), negotiator_.is_quiet(), batch_bytes_);
  if (list.lock.number != 0) negotiator_.ForgetCached(list.number);
  return list;
}

void Coordinator::Tune(ResponseList& list) {
  if (autotuner_ == nullptr) return;
  list.tunables = autotuner_->TakeNext();
  if (!list.tunables) return;
  cycle_time_ns_ = static_cast<std::int64_t>(list.tunables->cycle_time_ms * 1e6);
  batch_bytes_ = list.tunables->fusion_threshold_bytes;
}

std::optional<ResponseList> Coordinator::TakeLockNews() {
  if (!locks_.has_news()) return std::nullopt;
  ResponseList list = negotiator_.EmptyList();
  locks_.Fill(list);
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

std::optional<std::int64_t> Coordinator::WaitingSinceNs() const {
  std::optional<std::int64_t> since_ns = negotiator_.waiting_since_ns();
  if (const std::optional<WaitingTensor> unlock = locks_.Waiting()) {
    since_ns = std::min(since_ns.value_or(unlock->since_ns), unlock->since_ns);
  }
  return since_ns;
}

Status Coordinator::CheckStalls() {
  const std::optional<std::int64_t> since_ns = WaitingSinceNs();
  if (!since_ns || clock_.NowNs() < stall_inspector_.NextCheckNs(*since_ns)) return Status::Ok();
  std::vector<WaitingTensor> waiting = negotiator_.Waiting();
  if (std::optional<WaitingTensor> unlock = locks_.Waiting()) {
    waiting.push_back(*std::move(unlock));
  }
  return stall_inspector_.Check(waiting);
}

std::int64_t Coordinator::NextWakeNs() const {
  std::int64_t wake_ns = INT64_MAX;
  if (ended_) return wake_ns;
  // Under a lock what is ready waits for its end, which somebody will tell of.
  if (negotiator_.has_ready() && !locks_.locked()) wake_ns = ready_since_ns_ + cycle_time_ns_;
  if (const std::optional<std::int64_t> since_ns = WaitingSinceNs()) {
    wake_ns = std::min(wake_ns, stall_inspector_.NextCheckNs(*since_ns));
  }
  return wake_ns;
}

}  // namespace ronde
