#pragma once

#include <cstdint>
#include <string>

#include "frontends/resnet/checkpoint/checkpointer.h"
#include "frontends/resnet/checkpoint/stop_vote.h"

namespace ronde {

/// Keeps a run safe: saves it when that is due, and where a signal asks for it, agrees with the
/// other ranks on the step to stop at. Does nothing, and communicates nothing, without
/// --checkpoint-dir. Errors: Error, only when the session has failed. Thread rule: one thread.
class Safekeeper {
 public:
  /// All references must outlive this. `steps_in_window` is H, of the local phase.
  Safekeeper(Session& session, Replica& replica, const CheckpointOptions& options,
             const CheckpointPlan& plan, std::int64_t steps_in_window);

  /// Collective, after each step: whether the run is to be saved before the next one, because it
  /// is time or because the run is to stop. `is_last`: of its epoch, at whose end it is saved
  /// anyhow. Afterwards no message is in flight, if the answer is yes.
  [[nodiscard]] bool IsDue(std::int64_t step, bool is_last);
  /// Collective, at the end of an epoch's steps: reads the votes under way.
  void Settle();
  /// Collective, between epochs: votes once more.
  void Vote();

  /// The signal that all ranks have agreed to stop for, 0 for none.
  [[nodiscard]] int stop_signal() const { return stop_signal_; }
  /// Collective, with nothing in flight; see Checkpointer::Save. A checkpoint that cannot be
  /// written is a warning of one line.
  void Save(Manifest manifest);
  /// "stopped by SIGTERM at step 12; ..."
  [[nodiscard]] std::string Farewell(std::int64_t step) const;

  [[nodiscard]] const StopVote& vote() const { return vote_; }

 private:
  void Note(const Result<int>& signal);

  Session& session_;
  Replica& replica_;
  const CheckpointOptions& options_;
  const Trajectory& trajectory_;
  std::int64_t local_lag_;
  Checkpointer checkpointer_;
  StopVote vote_;
  int stop_signal_ = 0;
  std::int64_t saved_step_ = -1;
};

}  // namespace ronde
