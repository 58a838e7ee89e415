#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/autotuning/autotuner.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"
#include "core/control/executor.h"
#include "core/control/repeated_allreduce.h"

namespace ronde {

/// What the engine has done so far; cumulative since its start.
struct EngineCounters {
  std::uint64_t operations = 0;      ///< completed without error
  std::uint64_t response_lists = 0;  ///< executed
  std::uint64_t payload_bytes = 0;   ///< handed to data collectives by this rank
  std::size_t in_flight = 0;         ///< now: submitted here and not completed
  std::int64_t outstanding_ns = 0;   ///< time during which at least one operation was pending
  std::int64_t execute_ns = 0;       ///< time spent inside the executor
};

/// The background coordinator thread: drains the queue, negotiates by name, executes. At one rank
/// there is no such thread: the caller's does it.
///
/// Rank 0 coordinates. A rank posts its new requests to rank 0 as they come; rank 0 feeds them to
/// the Negotiator and posts the responses that became ready to everyone, in one order. Every rank
/// executes every response list in that order.
///
/// Failures: a mismatch completes that name's handles with the same error on all ranks and the job
/// goes on. Anything else is latched: all pending and later handles complete with the first cause.
/// Thread rule: public methods are thread-safe.
class Engine {
 public:
  /// Starts the thread. Everything passed by reference must outlive the engine, and so must
  /// `observer` and `autotuner`, which may be null; the latter is used on rank 0 only.
  Engine(Transport& transport, Executor& executor, const Config& config, const Clock& clock,
         EngineObserver* observer = nullptr, Autotuner* autotuner = nullptr);
  /// Shuts down if that has not been done.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Submits an operation and does not wait for it; at one rank it has completed on return. Errors
  /// arrive through the handle: kDuplicateName when an operation of that name is in flight here,
  /// kShutdown after Shutdown, else the latched cause.
  Handle Enqueue(Request request, TensorView input, TensorView output);
  /// The same for an allreduce that is what this rank asked for by that name the last time, which
  /// costs less than half. Nothing where it may be anything else: then use Enqueue.
  std::optional<Handle> EnqueueAgain(const AllreduceCall& call);
  /// As the first for a group: one buffer pair for each of request.group_counts.
  Handle Enqueue(Request request, std::vector<GroupMember> group, Device* device = nullptr);

  /// Several at once, all or none: where one of the names is in flight, all handles fail with that
  /// kDuplicateName. `entries` come without handles. One lock and one wake-up for all of them.
  std::vector<Handle> EnqueueAll(std::vector<TensorEntry> entries);

  /// Ends the job on all ranks with `cause` (prefixed "rank N: " when it lacks it). Returns at
  /// once. A wait for a peer inside the executor ends promptly. Without effect after a failure or a
  /// clean shutdown.
  void Abort(const Status& cause);

  /// Completes what is pending, then stops when all ranks have asked for it. A name that another
  /// rank still waits for and that this rank never submitted completes there with kShutdown.
  /// Bounded by --timeout-s after the last sign of progress. Idempotent. Returns the first latched
  /// failure, if any; where a needed rank gives no sign in time, that is kTimeout. Called in a
  /// handle's callback it only asks for the shutdown and does not wait.
  Status Shutdown();

  /// kOk, or the latched failure.
  [[nodiscard]] Status status() const;
  [[nodiscard]] EngineCounters counters() const;
  /// Whether this thread is the engine's or does its work, and so calls from a handle's callback.
  /// An engine must not be destroyed there.
  [[nodiscard]] bool DrivesHere() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ronde
