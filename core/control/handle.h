#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

class Event;
struct StreamView;

/// What an operation delivers besides the caller's own output buffer.
struct OperationResult {
  /// False where the operation was not due (a model average between two window ends).
  bool performed = true;
  /// Allgather, alltoall: the gathered tensor, ranks in order along the first dimension, and the
  /// extent of that dimension that came from each rank. Empty where the caller gave an output.
  std::vector<std::byte> gathered;
  Shape gathered_shape;
  std::vector<std::int64_t> rank_extents;
  /// Allocation: the registered memory.
  std::shared_ptr<std::byte> memory;
  /// Join: the rank that came last.
  int last_joined = -1;
  /// A new process set: its number.
  int process_set = 0;
};

/// Hears of the end of its operations, or that they have been issued, just before waiters and
/// callbacks do, so that whoever has waited finds the name free and the counters up to date.
class HandleOwner {
 public:
  /// On the thread that issues or completes; `item` is what the handle was made with.
  virtual void BeforeCompletion(void* item, const Status& status) = 0;
  /// The same of several that have succeeded.
  virtual void BeforeCompletions(std::span<void* const> items) {
    for (void* item : items) BeforeCompletion(item, Status::Ok());
  }

 protected:
  ~HandleOwner() = default;
};

/// The caller's future of one operation. In device memory there are two stages: first the operation
/// is issued (a stream of the device has been given it, and its name is free again), later it
/// completes. In host memory both are one. Copies share one state, which they count: the engine
/// completes it while the caller holds it, and either may be the last to let go. States come from a
/// pool (HandlePool): they are made for every tensor of every step. Where nobody waits and nothing
/// is to be called, completing takes no lock and no system call.
/// Thread rule: thread-safe, a Handle object itself excepted.
class Handle {
 public:
  using Callback = std::function<void(const Status&)>;

  Handle();
  /// Of no operation, and free of charge: it may only be assigned to, copied and destroyed.
  explicit Handle(std::nullptr_t) {}
  Handle(const Handle& other) : state_(other.state_) {
    if (state_ != nullptr) Share(*state_);
  }
  Handle(Handle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Handle& operator=(Handle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Handle() {
    if (state_ != nullptr) Release(state_);
  }
  /// Engine side: `owner` is told of the end, and must live until then.
  Handle(HandleOwner& owner, void* item);
  /// A handle that has completed already.
  [[nodiscard]] static Handle Completed(Status status, OperationResult result = {});

  /// Blocks until completed and returns the operation's status. Bounded by the engine's own
  /// deadlines and liveness checks.
  Status Wait() const;
  /// Like Wait; kTimeout when `deadline` passes first (the operation itself goes on).
  Status WaitUntil(Deadline deadline) const;
  [[nodiscard]] bool Poll() const;
  /// Blocks until issued, not until completed: what `stream` is given from now on runs after the
  /// operation. A failure of the device that comes later is told by Wait and by later operations.
  Status WaitOn(StreamView stream) const;
  /// Whether WaitOn would return at once.
  [[nodiscard]] bool issued() const;
  /// Requires Poll().
  [[nodiscard]] const OperationResult& result() const;
  OperationResult& mutable_result();
  /// Calls `callback` once with the final status: on the completing thread (the engine's, or one
  /// that waits for a handle), or at once when completed already. It must not block; it may enqueue
  /// further operations.
  void OnComplete(Callback callback) const;

  /// Engine side, at most once and before Complete: `done` is when the operation is.
  void Issue(std::shared_ptr<const Event> done) const;
  /// Engine side: completes once; later calls are ignored.
  void Complete(const Status& status) const;
  /// The same with kOk for several, whose owners are told at once, and lets go of them: afterwards
  /// these are handles of no operation. Nobody else may complete one of them meanwhile.
  static void CompleteAll(std::span<Handle* const> handles);

  /// Whether it is of an operation.
  explicit operator bool() const { return state_ != nullptr; }

 private:
  friend class HandlePool;
  struct State;
  explicit Handle(State* state) : state_(state) {}  // one of those that the state counts already
  static void Share(State& state);
  static void Release(State* state);
  static void Drop(State* state);  // which nobody shares any more
  void Nudge() const;              // see HandleHelper

  State* state_ = nullptr;
};

}  // namespace ronde
