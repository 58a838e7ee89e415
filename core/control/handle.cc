#include "core/control/handle.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/comm/futex.h"
#include "core/control/handle_pool.h"
#include "core/control/handle_state.h"
#include "core/device/event.h"

namespace ronde {

bool Handle::State::Await(std::uint32_t bits, const Deadline& deadline) {
  std::uint32_t now = phase.load(std::memory_order_acquire);
  while ((now & bits) == 0) {
    if ((now & kWaiters) == 0) {
      now = phase.fetch_or(kWaiters, std::memory_order_acq_rel) | kWaiters;
      continue;
    }
    if (deadline.Expired()) return false;
    FutexWaitShared(&phase, now, deadline);
    now = phase.load(std::memory_order_acquire);
  }
  return true;
}

std::uint32_t Handle::State::Raise(std::uint32_t bits) {
  const std::uint32_t before = phase.fetch_or(bits, std::memory_order_acq_rel);
  if ((before & kWaiters) != 0) FutexWakeShared(&phase);
  return before;
}

bool Handle::State::Claim() {
  // Relaxed: it guards nothing, only one caller goes on.
  return (phase.fetch_or(kClaimed, std::memory_order_relaxed) & kClaimed) == 0;
}

void Handle::State::Finish(const Status& outcome) {
  if (!outcome.ok()) status = outcome;
  const std::uint32_t before = Raise(outcome.ok() ? kCompleted : kCompleted | kFailed);
  if ((before & kCallbacks) == 0) return;
  Share(*this);
  const Handle keep(this);  // callbacks may drop the last other one
  std::vector<Callback> called;
  {
    std::lock_guard lock(mutex);
    called.swap(callbacks);
  }
  for (const Callback& callback : called) callback(outcome);
}

void Handle::State::Clear() {
  const std::uint32_t last = phase.load(std::memory_order_relaxed);
  if (result != nullptr) result.reset();
  if (done != nullptr) done.reset();
  if ((last & kFailed) != 0) status = Status::Ok();
  if ((last & kCallbacks) != 0) callbacks.clear();
  phase.store(0, std::memory_order_relaxed);
}

Handle::Handle() : state_(new State) {}

Handle::Handle(HandleOwner& owner, void* item) : Handle() {
  state_->owner = &owner;
  state_->item = item;
}

void Handle::Share(State& state) {
  // Relaxed: whoever shares holds one already.
  state.references.fetch_add(1, std::memory_order_relaxed);
}

void Handle::Release(State* state) {
  // Acquire and release: what the others did with it comes before its end. The last one needs no
  // more than a look: nobody else can share it any more.
  const bool is_last = state->references.load(std::memory_order_acquire) == 1 ||
                       state->references.fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (!is_last) return;
  if (state->pool != nullptr) {
    state->pool->Return(*state);
  } else {
    delete state;
  }
}

Handle Handle::Completed(Status status, OperationResult result) {
  Handle handle;
  handle.mutable_result() = std::move(result);
  handle.Complete(status);
  return handle;
}

Status Handle::Wait() const {
  if (!state_->Has(State::kCompleted) && state_->pool != nullptr) state_->pool->Help(*this);
  state_->Await(State::kCompleted, Deadline::Never());
  return state_->Outcome();
}

Status Handle::WaitUntil(Deadline deadline) const {
  Nudge();
  if (state_->Await(State::kCompleted, deadline)) return state_->Outcome();
  return Status::Timeout("the operation has not completed before the deadline of this wait");
}

bool Handle::Poll() const {
  if (state_->Has(State::kCompleted)) return true;
  Nudge();
  return false;
}

void Handle::Nudge() const {
  if (state_->pool != nullptr && !state_->Has(State::kCompleted)) state_->pool->Nudge();
}

bool Handle::issued() const { return state_->Has(State::kIssued | State::kCompleted); }

Status Handle::WaitOn(StreamView stream) const {
  Nudge();
  state_->Await(State::kIssued | State::kCompleted, Deadline::Never());
  if (state_->Has(State::kCompleted)) return state_->Outcome();
  return state_->done->HoldUp(stream);
}

const OperationResult& Handle::result() const {
  static const OperationResult nothing;
  return state_->result != nullptr ? *state_->result : nothing;
}

OperationResult& Handle::mutable_result() {
  if (state_->result == nullptr) state_->result = std::make_unique<OperationResult>();
  return *state_->result;
}

void Handle::OnComplete(Callback callback) const {
  bool has_completed = false;
  {
    std::lock_guard lock(state_->mutex);
    // Whoever completes after this looks here, and waits for the lock.
    const std::uint32_t before =
        state_->phase.fetch_or(State::kCallbacks, std::memory_order_acq_rel);
    has_completed = (before & State::kCompleted) != 0;
    if (!has_completed) state_->callbacks.push_back(std::move(callback));
  }
  if (!has_completed) return Nudge();
  callback(state_->Outcome());
}

void Handle::Issue(std::shared_ptr<const Event> done) const {
  if (HandleOwner* const owner = std::exchange(state_->owner, nullptr)) {
    owner->BeforeCompletion(state_->item, Status::Ok());
  }
  state_->done = std::move(done);
  state_->Raise(State::kIssued);
}

void Handle::Complete(const Status& status) const {
  State& state = *state_;
  if (!state.Claim()) return;
  if (HandleOwner* const owner = std::exchange(state.owner, nullptr)) {
    owner->BeforeCompletion(state.item, status);
  }
  state.Finish(status);
}

void Handle::CompleteAll(std::span<const Handle* const> handles) {
  constexpr std::size_t kAtOnce = 64;
  for (; handles.size() > kAtOnce; handles = handles.subspan(kAtOnce)) {
    CompleteAll(handles.first(kAtOnce));
  }
  std::array<State*, kAtOnce> won;
  std::array<void*, kAtOnce> items;
  std::size_t won_count = 0;
  std::size_t item_count = 0;
  HandleOwner* owner = nullptr;
  for (const Handle* handle : handles) {
    State& state = *handle->state_;
    if (!state.Claim()) continue;
    won[won_count++] = &state;
    HandleOwner* const its_owner = std::exchange(state.owner, nullptr);
    if (its_owner == nullptr) continue;
    if (owner != nullptr && its_owner != owner) {
      its_owner->BeforeCompletion(state.item, Status::Ok());
      continue;
    }
    owner = its_owner;
    items[item_count++] = state.item;
  }
  if (owner != nullptr) owner->BeforeCompletions(std::span(items).first(item_count));
  for (State* state : std::span(won).first(won_count)) state->Finish(Status::Ok());
}

}  // namespace ronde
