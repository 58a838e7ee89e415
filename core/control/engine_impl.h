#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/control/burst_guess.h"
#include "core/control/coordinator.h"
#include "core/control/engine.h"
#include "core/control/locked_schedule.h"
#include "core/control/process_sets.h"
#include "core/control/readiness_tree.h"
#include "core/control/response_cache.h"
#include "core/control/stand_in.h"
#include "core/control/tensor_queue.h"

namespace ronde {

/// The engine's two halves: what callers reach from any thread (engine.cc) and the engine thread,
/// which asks (engine_thread.cc) and does what was agreed (engine_deliver.cc, engine_locked.cc).
/// They meet in queue_, in the state under mutex_ and in Transport::Ring.
///
/// A single rank has nobody to negotiate with, and two switches of threads would cost more than
/// most operations: there callers take the engine thread's part, one at a time, and no thread is
/// started.
///
/// Elsewhere the engine's thread has a turn, which it gives up while it sleeps: a caller that waits
/// for a handle then takes it and does the work itself (engine_help.cc). What is said below of the
/// engine thread holds for whoever has the turn.
class Engine::Impl : private HandleHelper {
 public:
  Impl(Transport& transport, Executor& executor, const Config& config, const Clock& clock,
       EngineObserver* observer, Autotuner* autotuner);
  ~Impl() { queue_.SetHelper(nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // --- Any thread.
  /// `entry` has everything but its handle.
  Handle Enqueue(TensorEntry&& entry);
  std::optional<Handle> EnqueueAgain(const AllreduceCall& call);
  std::vector<Handle> EnqueueAll(std::vector<TensorEntry> entries);
  void Abort(const Status& cause);
  Status Shutdown();
  [[nodiscard]] Status status() const;
  [[nodiscard]] EngineCounters counters() const;

  /// Whether this thread is in the middle of a step, and calls from a handle's callback.
  [[nodiscard]] bool DrivesHere() const {
    const std::thread::id here = std::this_thread::get_id();
    return here == thread_id_ || here == helper_id_.load(std::memory_order_relaxed);
  }

 private:
  // Under a lock: how long what this rank asks for may fail to make up the next unit.
  static constexpr std::int64_t kDisorderNs = 20'000'000;
  // After the last submission or execution: how long to wait for the rest of what is expected.
  static constexpr std::int64_t kBurstNs = 200'000;
  // While callers help, the engine's thread sleeps this long at most: it is not woken for what they
  // are expected to wait for.
  static constexpr std::int64_t kHelpedSleepNs = 10'000'000;
  // So long after the last time they count as helping.
  static constexpr std::int64_t kHelpedNs = 50'000'000;

  // A unit of the locked schedule; it stays as it was for the next round, which needs no memory.
  struct Unit {
    std::vector<TensorQueue::Slot*> slots;
    std::vector<ReadyOperation> operations;  // without handles
    std::uint64_t payload_bytes = 0;
  };

  [[nodiscard]] bool alone() const { return size_ == 1; }
  /// Has everything done that there is to do: by the engine thread, or here.
  void Wake();
  /// Something can come of what was submitted at `now_ns`: the same, or leaves it to the wait that
  /// will most likely follow.
  void WakeFor(std::int64_t now_ns);
  void Help(const Handle& handle) override;
  void Nudge() override;
  [[nodiscard]] bool MayHelp() const;  // with the turn
  /// Learns how soon callers wait.
  void NoteWait();
  // --- The engine thread, or whoever holds drive_mutex_.
  void Run();
  /// The steps of a caller that waits, until `handle` is issued or others take long.
  Status DriveUntil(const Handle& handle);
  /// One pass over everything that may have happened; sets finished_ when this was the last.
  Status Step();
  /// After the last Step: latches `failure` unless it is kOk, and ends what is in flight.
  void End(const Status& failure);
  Status Announce();
  /// Puts what this rank asks for into `list` where it has to be asked in full, else into the tree.
  void Sort(std::span<TensorQueue::Slot* const> submitted, RequestList& list);
  /// The same under a lock.
  void SortLocked(TensorQueue::Slot& submitted, std::int64_t now_ns);
  /// The slot of the cache that says all of a submitted operation, or -1.
  [[nodiscard]] int SlotFor(const TensorQueue::Slot& submitted) const;
  /// What is wrong with a request that no other rank has to hear of.
  [[nodiscard]] Status CheckHere(const Request& request) const;
  /// Tells rank 0 what this rank waits for by slot, since it will not take part any more.
  void ListOutstanding(RequestList& list) const;
  Status Tell(RequestList list);
  /// The same of what this rank knew when `list.as_of` was the last list.
  Status TellAsOf(RequestList list);
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
  void EvictSlot(int slot, std::uint64_t list);
  /// Says again that this rank leaves, where it has, and what it still waits for: rank 0 does not
  /// count it as gone while a slot of that has changed that the rank did not know of.
  Status LeaveAgain();
  [[nodiscard]] Status AskAgain(std::span<TensorQueue::Slot* const> submitted, std::uint64_t as_of);
  /// Ends a drained operation.
  void Answer(TensorQueue::Slot& submitted, const Status& status);
  /// Keeps what this rank and all ranks said of an operation for the next time.
  void Remember(const Response& response, std::shared_ptr<Response> agreed,
                TensorQueue::Slot* submitted, std::uint64_t list);
  [[nodiscard]] static std::uint64_t PayloadBytes(std::span<const ReadyOperation> operations);
  Status Execute(std::span<ReadyOperation> operations);
  Status Execute(std::span<ReadyOperation> operations, std::uint64_t payload_bytes);
  /// On rank 0: what has just been executed.
  void TellAutotuner(std::span<const ReadyOperation> operations, std::uint64_t payload_bytes);

  // The locked schedule.
  Status EnterLock(const ResponseList& list);
  /// Pledges what can be pledged and executes what all have pledged, if there is any: then true.
  Result<bool> RunLocked();
  [[nodiscard]] std::uint64_t AgreedUnits() const;
  /// Rank 0 waits for the next unit, which it has pledged: who is late.
  void NoteStraggler();
  /// The next unit is about to run: tells of whoever was the last, if rank 0 had to wait.
  void TellStraggler();
  Status ExecuteUnit();
  /// The unit that is next to execute, with the operations that this rank has asked for in it.
  Result<Unit*> NextUnit();
  void ObserveUnit(std::span<const ReadyOperation> operations) const;
  /// This rank cannot keep to the schedule.
  Status Deviate();
  Status Freeze(std::uint64_t number);
  /// Executes what is left of it, after which `executed` units have been.
  Status Unlock(std::uint64_t number, std::uint64_t executed);
  /// Asks for what this rank had asked for under the lock.
  Status AskAfterUnlock();
  /// Around the executor's part; begins only where nobody has called Abort.
  Status BeginExecuting();
  void EndExecuting();
  void LeaveIfShutdownIsLate();
  void Fail(const Status& cause);
  /// Ends the job on all ranks, and tells the user why where `cause` is the first.
  void TellFailure(const Status& cause);
  void TellUser(const Status& cause);
  /// What this rank is doing outside of the executor, for messages.
  [[nodiscard]] std::string Scene() const;
  void Latch(const Status& failure);
  [[nodiscard]] std::int64_t NextWakeNs() const;  ///< INT64_MAX: never
  /// Sleeps until there may be something to do, without the turn.
  Status Sleep(std::unique_lock<std::mutex>& turn);
  /// How many submissions there are to be before anything can come of them; 1 where any one may
  /// matter, or where the last was too long ago.
  [[nodiscard]] std::size_t ExpectedCount() const;
  [[nodiscard]] Status AbortRequest() const;  ///< kOk where nobody has called Abort
  [[nodiscard]] Status WithRank(const Status& cause) const;

  Transport& transport_;
  Executor& executor_;
  const Clock& clock_;
  EngineObserver* const observer_;  // may be null
  Autotuner* const autotuner_;      // the same
  const int rank_;                  // copies: the transport belongs to the engine thread
  const int size_;
  bool takes_turns_ = false;  // the transport; constant once the thread runs
  const double timeout_s_;
  // How long a caller that helps looks on after the last submission or execution; whoever comes
  // later is waited for in the engine's sleep.
  const std::int64_t look_on_ns_;
  TensorQueue queue_;

  mutable std::mutex mutex_;
  Status failure_;                       // guarded by mutex_: the first failure
  std::optional<Status> abort_request_;  // guarded by mutex_: for the engine thread
  bool executing_ = false;               // guarded by mutex_: the engine thread moves data

  // Statistics; relaxed: whoever has waited for a handle is ordered after its update by the
  // handle's mutex, and nothing else is published through them.
  std::atomic<std::uint64_t> response_lists_{0};
  std::atomic<std::uint64_t> payload_bytes_{0};
  std::atomic<std::int64_t> execute_ns_{0};

  // Callers' waits, see WakeFor. Relaxed, but for waits_soon_ and ring_owed_: guesses.
  std::atomic<std::int64_t> first_due_ns_{0};  // when something could run first since the last wait
  std::atomic<int> soon_waits_{0};             // in a row
  std::atomic<bool> waits_soon_{false};        // do not ring, somebody will wait at once
  std::atomic<bool> ring_owed_{false};         // that was relied on
  std::atomic<bool> may_help_{true};           // nothing was submitted that is bound to a thread
  std::atomic<std::thread::id> helper_id_{};   // who helps; relaxed: only it compares equal

  std::mutex turn_;                         // guards all that follows, up to drive_mutex_
  std::int64_t helped_ns_ = -kHelpedNs;     // when somebody did last
  std::int64_t sleep_until_ns_ = 0;         // of the engine's thread, the last time
  Status help_failure_;                     // of a step of somebody who helped
  std::optional<Coordinator> coordinator_;  // on rank 0
  const RankTree relatives_;
  ProcessSets sets_;
  ResponseCache cache_;
  ReadinessTree tree_;
  std::uint64_t last_list_ = 0;  // the number of the last list that was applied
  // By slot of the cache: where this rank's operation is while it has asked by the slot and has no
  // answer, and where it is kept for the next time. Null: nowhere.
  std::vector<TensorQueue::Slot*> asked_;
  std::vector<TensorQueue::Slot*> kept_;
  std::optional<LockedSchedule> schedule_;
  std::vector<Unit> units_;  // of schedule_
  // Rank 0, under a lock: since when it waits for a unit (0: it does not), and for whom at last.
  std::int64_t late_since_ns_ = 0;
  int late_rank_ = 0;
  bool deviated_ = false;                     // under this lock
  std::vector<TensorQueue::Slot*> deferred_;  // what the schedule does not have
  const std::int64_t patience_ns_;            // with ranks that do not come
  BurstGuess burst_;
  std::int64_t busy_ns_ = 0;    // when something was submitted or executed last
  bool asked_changed_ = false;  // something of asked_ was answered or evicted
  Request join_;                // while joined_
  bool joined_ = false;         // this rank has joined, others have not
  StandInBuffers stand_ins_;
  bool leaving_ = false;               // Shutdown was called
  bool shutdown_announced_ = false;    // and rank 0 was told
  std::int64_t last_progress_ns_ = 0;  // meaningful once leaving_
  bool finished_ = false;
  bool told_ = false;    // TellUser has been here
  bool hinted_ = false;  // that others need a rank which has shut down

  bool ended_ = false;      // no more steps
  std::mutex drive_mutex_;  // alone only: in place of turn_

  std::mutex join_mutex_;  // the first Shutdown joins, others wait for it
  std::thread thread_;     // last: it starts when everything else is ready
  std::thread::id thread_id_;
};

}  // namespace ronde
