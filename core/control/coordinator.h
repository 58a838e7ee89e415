#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/autotuning/autotuner.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/control/lock_keeper.h"
#include "core/control/message.h"
#include "core/control/negotiator.h"
#include "core/control/stall_inspector.h"

namespace ronde {

/// Rank 0's part of the control plane: decides when which responses go out. No I/O.
/// Thread rule: engine-only.
class Coordinator {
 public:
  /// `clock` must outlive the coordinator, and `observer` and `autotuner`, which may
  /// be null, too.
  /// `can_lock`: all ranks see a notice board.
  Coordinator(int size, const Config& config, const Clock& clock,
              EngineObserver* observer = nullptr, Autotuner* autotuner = nullptr,
              bool can_lock = false);

  /// Takes in what `rank` has sent, for itself and for those below it in the tree. Error: kInternal
  /// where it breaks the protocol.
  [[nodiscard]] Status Add(int rank, RequestList list);

  /// The next list for all ranks when one is due: ready tensors that fill a batch or have waited
  /// --cycle-time-ms for company, news of the ranks, or the end once every rank has shut down
  /// (after which there is no next).
  [[nodiscard]] std::optional<ResponseList> TakeDue();

  /// Rank 0 asked for the operation of a slot of the response cache at `asked_ns`; its execution
  /// ended at `end_ns`.
  void NoteExecuted(int slot, std::int64_t asked_ns, std::int64_t end_ns) {
    locks_.NoteExecuted(slot, asked_ns, end_ns);
  }

  /// The last list, whether ranks are still running or not: every waiting name fails with `error`.
  [[nodiscard]] ResponseList Dismiss(const Status& error);

  /// Warns of stalls when it is time to; not ok when the job should end because of one.
  [[nodiscard]] Status CheckStalls();

  /// When TakeDue or CheckStalls will have something to do without further input; else INT64_MAX.
  [[nodiscard]] std::int64_t NextWakeNs() const;

  /// Ranks that have not shut down.
  [[nodiscard]] std::vector<int> running_ranks() const { return negotiator_.running_ranks(); }

 private:
  /// No slot that `rank` says it waits for has changed since. Where one has, the rank does not know
  /// yet, and will say again whether it leaves and what it still waits for.
  [[nodiscard]] bool KnowsItsSlots(int rank, const RequestList& list) const;
  [[nodiscard]] std::optional<ResponseList> TakeLockNews();
  void Tune(ResponseList& list);
  [[nodiscard]] std::optional<std::int64_t> WaitingSinceNs() const;

  Negotiator negotiator_;
  LockKeeper locks_;
  StallInspector stall_inspector_;
  const Clock& clock_;
  Autotuner* const autotuner_;
  std::int64_t cycle_time_ns_;
  std::int64_t batch_bytes_;
  std::int64_t ready_since_ns_ = 0;  // meaningful while the negotiator has ready responses
  bool ended_ = false;
};

}  // namespace ronde
