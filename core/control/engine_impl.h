#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/control/coordinator.h"
#include "core/control/engine.h"
#include "core/control/process_sets.h"
#include "core/control/readiness_tree.h"
#include "core/control/response_cache.h"
#include "core/control/stand_in.h"
#include "core/control/tensor_queue.h"

namespace ronde {

/// The engine's two halves: what callers reach from any thread (engine.cc) and the engine thread,
/// which asks (engine_thread.cc) and does what was agreed (engine_deliver.cc). They meet in queue_,
/// in the state under mutex_ and in Transport::Ring.
///
/// A single rank has nobody to negotiate with, and two switches of threads would cost more than
/// most operations: there callers take the engine thread's part, one at a time, and no thread is
/// started.
class Engine::Impl {
 public:
  Impl(Transport& transport, Executor& executor, const Config& config, const Clock& clock,
       EngineObserver* observer);

  // --- Any thread.
  /// `entry` has everything but its handle.
  Handle Enqueue(TensorEntry entry);
  void Abort(const Status& cause);
  Status Shutdown();
  [[nodiscard]] Status status() const;
  [[nodiscard]] EngineCounters counters() const;

 private:
  [[nodiscard]] bool alone() const { return size_ == 1; }
  /// Has everything done that there is to do: by the engine thread, or here.
  void Wake();

  // --- The engine thread, or whoever holds drive_mutex_.
  void Run();
  /// One pass over everything that may have happened; sets finished_ when this was the last.
  Status Step();
  /// After the last Step: latches `failure` unless it is kOk, and ends what is in flight.
  void End(const Status& failure);
  Status Announce();
  /// Puts what this rank asks for into `list` where it has to be asked in full, else into the tree.
  void Sort(const TensorQueue::New& drained, RequestList& list);
  /// What is wrong with a request that no other rank has to hear of.
  [[nodiscard]] Status CheckHere(const Request& request) const;
  /// Tells rank 0 what this rank waits for by slot, since it will not take part any more.
  void ListOutstanding(RequestList& list) const;
  Status Tell(RequestList list);
  Status PassOnReadiness();
  Status Receive();
  Status TakeIn(int source, RequestList list);
  Status Coordinate();
  Status Send(const ResponseList& list);
  Status Deliver(const ResponseList& list);
  /// Everything of `list` that is to be executed; answers what has failed.
  Result<std::vector<ReadyOperation>> Match(const ResponseList& list);
  Status MatchResponse(const Response& response, std::uint64_t list,
                       std::vector<ReadyOperation>& operations);
  Status MatchCached(int slot, std::uint64_t list, std::vector<ReadyOperation>& operations);
  void ApplySets(const Response& response);
  /// A slot was answered or evicted.
  void ForgetSlot(int slot, std::uint64_t list);
  [[nodiscard]] Status AskAgain(const std::vector<std::string>& keys);
  void Answer(TensorEntry& entry, const Status& status);
  Status Execute(std::vector<ReadyOperation> operations);
  /// Around the executor's part; begins only where nobody has called Abort.
  Status BeginExecuting();
  void EndExecuting();
  void LeaveIfShutdownIsLate();
  void Fail(const Status& cause);
  void Latch(const Status& failure);
  [[nodiscard]] Deadline NextWake() const;
  [[nodiscard]] Status AbortRequest() const;  ///< kOk where nobody has called Abort
  [[nodiscard]] Status WithRank(const Status& cause) const;

  Transport& transport_;
  Executor& executor_;
  const Clock& clock_;
  EngineObserver* const observer_;  // may be null
  const int rank_;                  // copies: the transport belongs to the engine thread
  const int size_;
  const double timeout_s_;
  TensorQueue queue_;

  mutable std::mutex mutex_;
  Status failure_;                       // guarded by mutex_: the first failure
  std::optional<Status> abort_request_;  // guarded by mutex_: for the engine thread
  bool executing_ = false;               // guarded by mutex_: the engine thread moves data

  // Statistics; relaxed: whoever has waited for a handle is ordered after its update by the
  // handle's mutex, and nothing else is published through them.
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::uint64_t> response_lists_{0};
  std::atomic<std::uint64_t> payload_bytes_{0};
  std::atomic<std::int64_t> execute_ns_{0};

  // Engine thread only.
  std::optional<Coordinator> coordinator_;  // on rank 0
  const RankTree relatives_;
  ProcessSets sets_;
  ResponseCache cache_;
  ReadinessTree tree_;
  std::uint64_t last_list_ = 0;    // the number of the last list that was applied
  std::vector<bool> outstanding_;  // by slot: this rank has asked by it and has no answer
  bool joined_ = false;            // this rank has joined, others have not
  StandInBuffers stand_ins_;
  bool shutdown_announced_ = false;
  std::int64_t last_progress_ns_ = 0;  // meaningful once shutdown_announced_
  bool finished_ = false;

  std::mutex drive_mutex_;  // alone only: guards what is else the engine thread's, and ended_
  bool ended_ = false;

  std::mutex join_mutex_;  // the first Shutdown joins, others wait for it
  std::thread thread_;     // last: it starts when everything else is ready
  std::thread::id thread_id_;
};

}  // namespace ronde
