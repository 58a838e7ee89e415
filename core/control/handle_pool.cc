#include "core/control/handle_pool.h"

#include <thread>

#include "core/control/handle_state.h"

namespace ronde {

void HandlePool::Grow() {
  blocks_.push_back(std::make_unique<Handle::State[]>(kBlockStates));
  for (std::size_t i = kBlockStates; i-- > 0;) {
    Handle::State& state = blocks_.back()[i];
    state.pool = this;
    state.next = std::exchange(free_, &state);
  }
}

std::pair<Handle, Handle> HandlePool::MakeTwo(HandleOwner& owner, void* item) {
  if (free_ == nullptr) free_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (free_ == nullptr) Grow();
  Handle::State& state = *free_;
  free_ = state.next;
  if (free_ != nullptr) __builtin_prefetch(free_, 1);
  state.owner = &owner;
  state.item = item;
  state.word.store(2 * Handle::State::kHandle, std::memory_order_relaxed);  // nobody knows it yet
  return {Handle(&state), Handle(&state)};
}

void HandlePool::SetHelper(HandleHelper* helper) {
  helper_.store(helper);
  while (helper == nullptr && helping_.load() != 0) std::this_thread::yield();
}

void HandlePool::Help(const Handle& handle) {
  helping_.fetch_add(1);
  if (HandleHelper* const helper = helper_.load()) helper->Help(handle);
  helping_.fetch_sub(1);
}

void HandlePool::Nudge() {
  helping_.fetch_add(1);
  if (HandleHelper* const helper = helper_.load()) helper->Nudge();
  helping_.fetch_sub(1);
}

void HandlePool::Return(Handle::State& state) {
  state.Clear();
  // Nobody takes single ones out of the list, so that its head cannot have gone and come again.
  Handle::State* head = returned_.load(std::memory_order_relaxed);
  while (head != &closed_) {
    state.next = head;
    if (returned_.compare_exchange_weak(head, &state, std::memory_order_release,
                                        std::memory_order_relaxed)) {
      return;
    }
  }
  if (out_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void HandlePool::Close() {
  auto out = static_cast<std::int64_t>(blocks_.size() * kBlockStates);
  const auto count = [&out](const Handle::State* state) {
    for (; state != nullptr; state = state->next) --out;
  };
  count(free_);
  count(returned_.exchange(&closed_, std::memory_order_acq_rel));
  if (out_.fetch_add(out, std::memory_order_acq_rel) + out == 0) delete this;
}

}  // namespace ronde
