#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "frontends/resnet/options.h"

namespace ronde {

/// What determines where training goes, beside its options.
struct TrajectoryFacts {
  std::int64_t training_images = 0;
  std::int64_t validation_images = 0;
  bool has_switch = false;  ///< --switch-epoch has a meaning for the algorithm
};

/// Flags and their values as text. What a checkpoint and the run that goes on from it must share;
/// the number of ranks, threads, outputs and (but for a cosine schedule) epochs may differ.
using Trajectory = std::vector<std::pair<std::string, std::string>>;

/// `options` complete: also the number of workers.
[[nodiscard]] Trajectory TrajectoryOf(const TrainOptions& options, const TrajectoryFacts& facts);

/// Error: kInvalidArgument naming the first flag that differs, both values and the remedy.
/// `checkpoint` is the folder that `written` comes from.
[[nodiscard]] Status CheckSameTrajectory(const std::string& checkpoint, const Trajectory& written,
                                         const Trajectory& mine);

}  // namespace ronde
