#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "frontends/resnet/checkpoint/checkpoint_options.h"
#include "frontends/resnet/checkpoint/manifest.h"
#include "frontends/session/session.h"

namespace ronde {

/// A checkpoint whose files are whole and whose options are this run's.
struct ResumePoint {
  std::string folder;
  Manifest manifest;
};

/// What is known of checkpoints before training starts; the same on all ranks.
struct CheckpointPlan {
  Trajectory trajectory;  ///< of this run
  std::optional<ResumePoint> resume;
  std::vector<std::string> damaged;   ///< folders of checkpoints that could not be used
  std::vector<std::string> warnings;  ///< and why: one line for each
  std::string start;                  ///< one line: resumed from where, or why not; may be empty
};

/// This run, as far as checkpoints must fit it.
struct RunShape {
  Trajectory trajectory;
  int workers = 1;  ///< K, a multiple of the number of ranks
  int epochs = 1;
};

/// Collective, before training: makes --checkpoint-dir and looks whether it can be written, then
/// chooses the checkpoint to go on from: the newest that is whole. Each rank verifies the files of
/// its own workers; rank 0 lists folders and reads manifests for all.
/// Errors, the same on all ranks: kInvalidArgument, one line that names the flag or the file.
[[nodiscard]] Result<CheckpointPlan> PrepareCheckpoints(Session& session,
                                                        const CheckpointOptions& options,
                                                        const RunShape& run);

}  // namespace ronde
