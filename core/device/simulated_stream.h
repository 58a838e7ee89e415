#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/base/clock.h"
#include "core/base/status.h"

namespace ronde {

/// A moment of a simulated stream. Records are counted: a wait is for the record that was the last
/// one when the wait was given to its stream. Thread rule: guarded by its mutex.
class SimulatedEvent {
 public:
  /// The number of a new record, which has yet to happen.
  [[nodiscard]] std::uint64_t AddRecord();
  [[nodiscard]] std::uint64_t LastRecord() const;
  /// `status` is that of the stream.
  void Happen(std::uint64_t record, const Status& status);
  [[nodiscard]] Result<bool> Happened() const;
  /// Until `record` has happened, or `stop`. The status of its stream then.
  Status Wait(std::uint64_t record, const std::atomic<bool>& stop) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::uint64_t recorded_ = 0;
  std::uint64_t happened_ = 0;
  Status status_;
};

/// A queue of work and the thread that does it, started with the first piece. After a failure the
/// stream stays failed and what follows is skipped.
/// Thread rule: thread-safe; guarded by its mutex. Destroyed by one thread, which joins.
class SimulatedStream {
 public:
  /// Gets the stream's status so far, and may make it fail.
  using Work = std::function<void(Status&)>;

  SimulatedStream() = default;
  /// Requires Finished() or that everything given to it ends.
  ~SimulatedStream();
  void Enqueue(Work work);
  /// Nothing more will be given to it: the thread ends after what it has.
  void Close();
  /// Closed, and the thread is past its last piece of work.
  [[nodiscard]] bool Finished() const;
  /// Until all work is done. Errors: kTimeout; the stream's own.
  Status Synchronize(Deadline deadline) const;

 private:
  void Run();

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<Work> queue_;
  bool busy_ = false;
  bool closed_ = false;
  bool finished_ = false;
  Status status_;
  std::thread thread_;
};

}  // namespace ronde
