#include "core/control/handle.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace ronde {

struct Handle::State {
  std::mutex mutex;
  std::condition_variable completed_changed;
  bool claimed = false;    // guarded by mutex: one caller of Complete has won
  bool completed = false;  // guarded by mutex
  Status status;           // immutable once completed
  OperationResult result;  // the engine's until completed, then immutable
  Callback before_completion;
  std::vector<Callback> callbacks;  // guarded by mutex
};

Handle::Handle() : state_(std::make_shared<State>()) {}

Handle::Handle(Callback before_completion) : Handle() {
  state_->before_completion = std::move(before_completion);
}

Handle Handle::Completed(Status status, OperationResult result) {
  Handle handle;
  handle.state_->result = std::move(result);
  handle.Complete(status);
  return handle;
}

Status Handle::Wait() const {
  std::unique_lock lock(state_->mutex);
  state_->completed_changed.wait(lock, [this] { return state_->completed; });
  return state_->status;
}

Status Handle::WaitUntil(Deadline deadline) const {
  const std::int64_t remaining_ns = deadline.RemainingNs();
  if (remaining_ns == INT64_MAX) return Wait();
  std::unique_lock lock(state_->mutex);
  if (!state_->completed_changed.wait_for(lock, std::chrono::nanoseconds(remaining_ns),
                                          [this] { return state_->completed; })) {
    return Status::Timeout("the operation has not completed before the deadline of this wait");
  }
  return state_->status;
}

bool Handle::Poll() const {
  std::lock_guard lock(state_->mutex);
  return state_->completed;
}

const OperationResult& Handle::result() const { return state_->result; }

OperationResult& Handle::mutable_result() { return state_->result; }

void Handle::OnComplete(Callback callback) const {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->completed) {
      state_->callbacks.push_back(std::move(callback));
      return;
    }
  }
  callback(state_->status);
}

void Handle::Complete(const Status& status) const {
  const std::shared_ptr<State> state = state_;  // callbacks may drop the last handle
  {
    std::lock_guard lock(state->mutex);
    if (state->claimed) return;
    state->claimed = true;
  }
  if (state->before_completion) std::exchange(state->before_completion, nullptr)(status);
  std::vector<Callback> callbacks;
  {
    std::lock_guard lock(state->mutex);
    state->status = status;
    state->completed = true;
    callbacks.swap(state->callbacks);
  }
  state->completed_changed.notify_all();
  for (const Callback& callback : callbacks) callback(state->status);
}

}  // namespace ronde
