#include "core/control/handle.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "core/device/event.h"

namespace ronde {

struct Handle::State {
  std::mutex mutex;
  std::condition_variable completed_changed;
  std::atomic<bool> claimed{false};    // one caller of Complete has won; relaxed, guards nothing
  std::atomic<bool> completed{false};  // written under mutex; release, publishes status and result
  std::atomic<bool> issued{false};     // written under mutex; release, publishes done
  std::shared_ptr<const Event> done;   // immutable once issued
  Status status;                       // immutable once completed
  // The engine's until completed, then immutable; null where nothing was delivered.
  std::unique_ptr<OperationResult> result;
  HandleOwner* owner = nullptr;  // until told
  void* item = nullptr;
  std::vector<Callback> callbacks;  // guarded by mutex
};

Handle::Handle() : state_(std::make_shared<State>()) {}

Handle::Handle(HandleOwner& owner, void* item) : Handle() {
  state_->owner = &owner;
  state_->item = item;
}

Handle Handle::Completed(Status status, OperationResult result) {
  Handle handle;
  handle.mutable_result() = std::move(result);
  handle.Complete(status);
  return handle;
}

Status Handle::Wait() const {
  if (Poll()) return state_->status;
  std::unique_lock lock(state_->mutex);
  state_->completed_changed.wait(lock, [this] { return Poll(); });
  return state_->status;
}

Status Handle::WaitUntil(Deadline deadline) const {
  const std::int64_t remaining_ns = deadline.RemainingNs();
  if (remaining_ns == INT64_MAX) return Wait();
  std::unique_lock lock(state_->mutex);
  if (!state_->completed_changed.wait_for(lock, std::chrono::nanoseconds(remaining_ns),
                                          [this] { return Poll(); })) {
    return Status::Timeout("the operation has not completed before the deadline of this wait");
  }
  return state_->status;
}

bool Handle::Poll() const { return state_->completed.load(std::memory_order_acquire); }

bool Handle::issued() const { return state_->issued.load(std::memory_order_acquire) || Poll(); }

Status Handle::WaitOn(StreamView stream) const {
  if (!issued()) {
    std::unique_lock lock(state_->mutex);
    state_->completed_changed.wait(lock, [this] { return issued(); });
  }
  if (Poll()) return state_->status;
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
  {
    std::lock_guard lock(state_->mutex);
    if (!Poll()) {
      state_->callbacks.push_back(std::move(callback));
      return;
    }
  }
  callback(state_->status);
}

void Handle::Issue(std::shared_ptr<const Event> done) const {
  State& state = *state_;
  if (HandleOwner* const owner = std::exchange(state.owner, nullptr)) {
    owner->BeforeCompletion(state.item, Status::Ok());
  }
  {
    std::lock_guard lock(state.mutex);
    state.done = std::move(done);
    state.issued.store(true, std::memory_order_release);
  }
  state.completed_changed.notify_all();
}

void Handle::Complete(const Status& status) const {
  if (state_->claimed.exchange(true, std::memory_order_relaxed)) return;
  const std::shared_ptr<State> state = state_;  // callbacks may drop the last handle
  if (HandleOwner* const owner = std::exchange(state->owner, nullptr)) {
    owner->BeforeCompletion(state->item, status);
  }
  std::vector<Callback> callbacks;
  {
    std::lock_guard lock(state->mutex);
    state->status = status;
    state->completed.store(true, std::memory_order_release);
    callbacks.swap(state->callbacks);
  }
  state->completed_changed.notify_all();
  for (const Callback& callback : callbacks) callback(state->status);
}

}  // namespace ronde
