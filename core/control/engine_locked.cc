// What the engine thread does while a schedule is locked, and how that begins and ends.
#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/engine_impl.h"

namespace ronde {

Status Engine::Impl::EnterLock(const ResponseList& list) {
  const std::int64_t now_ns = clock_.NowNs();
  schedule_.emplace(list.lock, now_ns);
  late_since_ns_ = 0;
  units_.assign(list.lock.unit_ends.size(), {});
  deviated_ = false;
  tree_.ForgetAll(list.number);
  for (const std::uint32_t slot : list.lock.slots) {
    if (!cache_.Holds(static_cast<int>(slot))) {
      return Status::Internal(StrCat("rank 0 locked slot ", slot, ", which is empty here"));
    }
  }
  // What was asked for before counts as asked for now; nobody else remembers it.
  bool fits = true;
  for (std::size_t slot = 0; slot < asked_.size(); ++slot) {
    if (asked_[slot] == nullptr) continue;
    const bool contained = schedule_->Contains(static_cast<int>(slot));
    if (contained) schedule_->MarkAsked(static_cast<int>(slot), now_ns);
    fits = fits && contained;
  }
  return fits ? Status::Ok() : Deviate();
}

void Engine::Impl::SortLocked(TensorQueue::Slot& submitted, std::int64_t now_ns) {
  const int slot = SlotFor(submitted);
  if (slot < 0 || !schedule_->Contains(slot)) {
    deferred_.push_back(&submitted);
    return;
  }
  asked_[slot] = &submitted;
  schedule_->MarkAsked(slot, now_ns);
}

Result<bool> Engine::Impl::RunLocked() {
  if (!schedule_) return false;
  if (schedule_->Pledge(clock_.NowNs())) {
    transport_.Publish(PledgeWord(schedule_->number(), schedule_->pledged()));
    // Whoever is the last wakes the others.
    if (AgreedUnits() > schedule_->executed()) transport_.RingPeers();
  }
  if (const std::uint64_t agreed = AgreedUnits(); agreed > schedule_->executed()) {
    TellStraggler();
    while (schedule_->executed() < agreed) RONDE_RETURN_IF_ERROR(ExecuteUnit());
    return true;
  }
  NoteStraggler();
  if (clock_.NowNs() >= schedule_->GiveUpNs(kDisorderNs, patience_ns_)) {
    RONDE_RETURN_IF_ERROR(Deviate());
  }
  return false;
}

void Engine::Impl::NoteStraggler() {
  const std::uint64_t executed = schedule_->executed();
  if (!coordinator_ || observer_ == nullptr || schedule_->pledged() == executed) return;
  for (int rank = 1; rank < size_; ++rank) {
    if (PledgedIn(transport_.Published(rank), schedule_->number()) > executed) continue;
    late_rank_ = rank;
    if (late_since_ns_ == 0) late_since_ns_ = clock_.NowNs();
  }
}

void Engine::Impl::TellStraggler() {
  if (late_since_ns_ == 0) return;
  const std::int64_t wait_ns = clock_.NowNs() - std::exchange(late_since_ns_, 0);
  const auto slot = static_cast<int>(schedule_->NextUnit().front());
  observer_->OnStraggler(late_rank_, cache_.ResponseOf(slot)->request.name, wait_ns);
}

std::uint64_t Engine::Impl::AgreedUnits() const {
  std::uint64_t agreed = schedule_->pledged();
  for (int rank = 0; rank < size_ && agreed > schedule_->executed(); ++rank) {
    if (rank == rank_) continue;
    agreed = std::min(agreed, PledgedIn(transport_.Published(rank), schedule_->number()));
  }
  return agreed;
}

Status Engine::Impl::ExecuteUnit() {
  RONDE_ASSIGN_OR_RETURN(Unit* const unit, NextUnit());
  if (observer_ != nullptr) ObserveUnit(unit->operations);
  const Status status = Execute(unit->operations, unit->payload_bytes);
  if (!status.ok()) queue_.GiveBack(unit->slots, unit->operations);
  for (ReadyOperation& operation : unit->operations) operation.entry.handle = Handle(nullptr);
  RONDE_RETURN_IF_ERROR(status);
  schedule_->MarkExecuted(last_progress_ns_);
  return Status::Ok();
}

Result<Engine::Impl::Unit*> Engine::Impl::NextUnit() {
  Unit& unit = units_[schedule_->next_unit()];
  const std::span<const std::uint32_t> slots = schedule_->NextUnit();
  unit.slots.clear();
  for (const std::uint32_t slot : slots) {
    unit.slots.push_back(std::exchange(asked_[slot], nullptr));
    if (unit.slots.back() == nullptr) {
      return Status::Internal("a pledged operation is not in the queue");
    }
  }
  const bool is_first = unit.operations.empty();
  if (is_first) {
    for (const std::uint32_t slot : slots) {
      unit.operations.emplace_back(cache_.ResponseOf(static_cast<int>(slot)),
                                   TensorEntry{.request = {}, .handle = Handle(nullptr)});
    }
    unit.payload_bytes = PayloadBytes(unit.operations);
  }
  queue_.TakeAll(unit.slots, unit.operations, /*are_same=*/!is_first);
  return &unit;
}

void Engine::Impl::ObserveUnit(std::span<const ReadyOperation> operations) const {
  const std::int64_t now_ns = clock_.NowNs();
  observer_->OnList({.number = last_list_,
                     .cached = operations.size(),
                     .negotiated = 0,
                     .locked = true,
                     .queue_depth = queue_.in_flight()},
                    now_ns);
  for (const ReadyOperation& operation : operations) {
    observer_->OnAgreed(operation.response->request, operation.entry.enqueued_ns, now_ns);
  }
}

Status Engine::Impl::Deviate() {
  if (!schedule_ || std::exchange(deviated_, true)) return Status::Ok();
  RequestList list;
  list.unlock = schedule_->number();
  return Tell(std::move(list));
}

Status Engine::Impl::Freeze(std::uint64_t number) {
  if (!schedule_ || schedule_->number() != number) {
    return Status::Internal(StrCat("rank 0 ends lock ", number, ", which is not in force here"));
  }
  schedule_->Freeze();
  deviated_ = true;
  RequestList list;
  list.frozen = number;
  list.pledged = schedule_->pledged();
  return Tell(std::move(list));
}

Status Engine::Impl::Unlock(std::uint64_t number, std::uint64_t executed) {
  if (!schedule_ || schedule_->number() != number || executed > schedule_->pledged()) {
    return Status::Internal(StrCat("rank 0 ends lock ", number, " after ", executed,
                                   " units, which does not fit this rank"));
  }
  // All ranks have pledged them, and so all execute them now.
  while (schedule_->executed() < executed) RONDE_RETURN_IF_ERROR(ExecuteUnit());
  schedule_.reset();
  units_.clear();
  RONDE_RETURN_IF_ERROR(AskAfterUnlock());
  return Announce();  // that this rank leaves had to wait as well
}

Status Engine::Impl::AskAfterUnlock() {
  if (joined_ || shutdown_announced_) return LeaveAgain();
  std::vector<TensorQueue::Slot*> submitted;
  for (TensorQueue::Slot* operation : asked_) {
    if (operation != nullptr) submitted.push_back(operation);
  }
  submitted.insert(submitted.end(), deferred_.begin(), deferred_.end());
  deferred_.clear();
  RequestList list;
  Sort(submitted, list);
  RONDE_RETURN_IF_ERROR(Tell(std::move(list)));
  return PassOnReadiness();
}

}  // namespace ronde
