#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "tensor_fusion/device/flight.h"

namespace ronde {

/// Waits for what has been given to streams, in the order of issue, on a thread of its own, and
/// completes the handles: so that the engine's thread never waits for a device. The first failure
/// is latched and told; from then on nothing succeeds any more, and the handles that are left
/// complete in Drain, with the cause that all ranks have agreed on by then. The thread is started
/// by the first Add and sleeps where there is nothing to wait for; a completion is noticed at most
/// a fifth of a millisecond late. Thread rule: thread-safe; guarded by mutex_. Callbacks and
/// handles are called outside of it.
class Finalizer {
 public:
  using FailureCallback = std::function<void(const Status&)>;

  Finalizer() = default;
  /// Handles that are left complete with kShutdown. What devices still do must have been drained.
  ~Finalizer();
  Finalizer(const Finalizer&) = delete;
  Finalizer& operator=(const Finalizer&) = delete;

  /// An empty flight, with the storage of one that has ended where there is one.
  [[nodiscard]] Flight NewFlight();
  void Add(Flight flight);

  /// Waits until all that was added has ended, then completes what has failed: with `cause()`
  /// unless that is kOk. Returns the first failure; kTimeout where `deadline` passed first: then
  /// what is left has failed as well, but its memory is kept for good. May be called from a
  /// callback of this finalizer's.
  Status Drain(Deadline deadline, const std::function<Status()>& cause);
  /// Nothing that has not ended yet succeeds from now on. To be called before the work is made to
  /// end. Any thread.
  void Interrupt() { interrupted_.store(true, std::memory_order_release); }
  [[nodiscard]] bool interrupted() const { return interrupted_.load(std::memory_order_acquire); }
  /// Called once, with the first failure, on this finalizer's thread, unless it was interrupted
  /// before; null: nobody, from the return on.
  void OnFailure(FailureCallback callback);
  /// kOk, or the first failure.
  [[nodiscard]] Status failure() const;

 private:
  void Run();
  /// Takes the first flight and sees it to its end, or to the deadline; false where there is none.
  bool EndNext(const Deadline& deadline);
  /// Waits for the flight's end. kAborted where it was interrupted.
  [[nodiscard]] Status Outcome(const Flight& flight, const Deadline& deadline);
  void Complete(Flight flight);
  void Latch(const Status& failure);
  [[nodiscard]] bool GaveUp(const Deadline& deadline) const {
    return gives_up_.load(std::memory_order_relaxed) || deadline.Expired();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // something was added, has ended, or is to end
  std::deque<Flight> flights_;       // guarded by mutex_
  std::vector<Flight> failed_;       // guarded by mutex_; ended, their handles wait for the cause
  std::vector<Flight> spare_;        // guarded by mutex_
  std::vector<Flight> abandoned_;    // guarded by mutex_; a device may still use their memory
  std::size_t unfinished_ = 0;       // guarded by mutex_; those that have not ended
  Status failure_;                   // guarded by mutex_
  bool stopping_ = false;            // guarded by mutex_

  std::mutex callback_mutex_;   // held while the callback runs
  FailureCallback on_failure_;  // guarded by callback_mutex_

  // Release: what was done before Interrupt is seen by who finds it set.
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> gives_up_{false};  // relaxed: Drain's deadline has passed
  std::thread thread_;                 // guarded by mutex_
};

}  // namespace ronde
