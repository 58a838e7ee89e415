#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "frontends/resnet/checkpoint/checkpoint_options.h"
#include "frontends/resnet/checkpoint/manifest.h"
#include "frontends/resnet/checkpoint/prepare.h"
#include "frontends/resnet/checkpoint/store.h"
#include "frontends/resnet/replica.h"
#include "frontends/session/session.h"

namespace ronde {

/// Writes the state of all workers of all ranks to --checkpoint-dir, each rank its own workers' at
/// the same time. Thread rule: one thread.
class Checkpointer {
 public:
  /// All references must outlive this; `damaged` as in CheckpointPlan.
  Checkpointer(Session& session, Replica& replica, const CheckpointOptions& options,
               const std::vector<std::string>& damaged);

  /// Collective, between steps, with nothing else in flight. `manifest` has everything but files,
  /// ranks and versions; its running epoch has this rank's workers, in order, and divergences. When
  /// this is over, the checkpoint is complete on the disk and older ones have been deleted, or
  /// nothing has changed. Returns the same on all ranks; training may go on after an error. Errors:
  /// kUnavailable naming the file; the session's, when that has failed.
  [[nodiscard]] Status Save(Manifest manifest);

  /// The folder of a checkpoint of that step.
  [[nodiscard]] std::string PathOf(std::int64_t step) const { return store_.FinishedPath(step); }

 private:
  [[nodiscard]] Result<std::vector<CheckpointFile>> WriteMine(const std::string& folder);
  [[nodiscard]] Status Gather(const std::vector<CheckpointFile>& mine, Manifest& manifest);
  [[nodiscard]] Status GatherFigures(RunningEpoch& running);

  Session& session_;
  Replica& replica_;
  CheckpointStore store_;
};

/// Makes the replica what it was when the checkpoint was written: this rank's workers and what
/// they share. To be called before the first step. Error: kInvalidArgument naming file and tensor.
[[nodiscard]] Status Restore(const ResumePoint& point, Replica& replica);

}  // namespace ronde
