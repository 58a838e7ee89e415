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
  std::uint32_t now = word.load(std::memory_order_acquire);
  while ((now & bits) == 0) {
    if ((now & kWaiters) == 0) {
      now = word.fetch_or(kWaiters, std::memory_order_acq_rel) | kWaiters;
      continue;
    }
    if (deadline.Expired()) return false;
    FutexWaitShared(&word, now, deadline);
    now = word.load(std::memory_order_acquire);
  }
  return true;
}

std::uint32_t Handle::State::Raise(std::uint32_t bits) {
  const std::uint32_t before = word.fetch_or(bits, std::memory_order_acq_rel);
  if ((before & kWaiters) != 0) FutexWakeShared(&word);
  return before;
}

bool Handle::State::Claim() {
  // Relaxed: it guards nothing, only one caller goes on.
  return (word.fetch_or(kClaimed, std::memory_order_relaxed) & kClaimed) == 0;
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

void Handle::State::FinishAndRelease() {
  std::uint32_t now = word.load(std::memory_order_relaxed);
  while ((now & (kWaiters | kCallbacks)) == 0) {
    const std::uint32_t then = (now | kClaimed | kCompleted) - kHandle;
    if (!word.compare_exchange_weak(now, then, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      continue;
    }
    if (then < kHandle) Drop(this);
    return;
  }
  Claim();
  Finish(Status::Ok());
  Release(this);
}

void Handle::State::Clear() {
  const std::uint32_t last = word.load(std::memory_order_relaxed);
  if (result != nullptr) result.reset();
  if (done != nullptr) done.reset();
  if ((last & kFailed) != 0) status = Status::Ok();
  if ((last & kCallbacks) != 0) callbacks.clear();
  word.store(0, std::memory_order_relaxed);
}

Handle::Handle() : state_(new State) {}

Handle::Handle(HandleOwner& owner, void* item) : Handle() {
  state_->owner = &owner;
  state_->item = item;
}

void Handle::Share(State& state) {
  // Relaxed: whoever shares holds one already.
  state.word.fetch_add(State::kHandle, std::memory_order_relaxed);
}

void Handle::Release(State* state) {
  // Acquire and release: what the others did with it comes before its end. The last one needs no
  // more than a look: nobody else can share it any more.
  const auto is_one = [](std::uint32_t word) { return word / State::kHandle == 1; };
  const bool is_last = is_one(state->word.load(std::memory_order_acquire)) ||
                       is_one(state->word.fetch_sub(State::kHandle, std::memory_order_acq_rel));
  if (is_last) Drop(state);
}

void Handle::Drop(State* state) {
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
        state_->word.fetch_or(State::kCallbacks, std::memory_order_acq_rel);
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

void Handle::CompleteAll(std::span<Handle* const> handles) {
  constexpr std::size_t kAtOnce = 64;
  for (; handles.size() > kAtOnce; handles = handles.subspan(kAtOnce)) {
    CompleteAll(handles.first(kAtOnce));
  }
  std::array<State*, kAtOnce> states;
  std::array<void*, kAtOnce> items;
  std::size_t state_count = 0;
  std::size_t item_count = 0;
  HandleOwner* owner = nullptr;
  for (Handle* handle : handles) {
    State* const state = std::exchange(handle->state_, nullptr);
    if (state->Has(State::kClaimed)) {
      Release(state);
      continue;
    }
    states[state_count++] = state;
    HandleOwner* const its_owner = std::exchange(state->owner, nullptr);
    if (its_owner == nullptr) continue;
    if (owner != nullptr && its_owner != owner) {
      its_owner->BeforeCompletion(state->item, Status::Ok());
      continue;
    }
    owner = its_owner;
    items[item_count++] = state->item;
  }
  if (owner != nullptr) owner->BeforeCompletions(std::span(items).first(item_count));
  for (State* state : std::span(states).first(state_count)) state->FinishAndRelease();
}

}  // namespace ronde
