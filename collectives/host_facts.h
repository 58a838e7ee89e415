#pragma once

#include <optional>
#include <vector>

#include "collectives/cost_model.h"
#include "collectives/tuning_file.h"
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/communicator.h"

namespace ronde {

/// What ranks learn of each other's hosts, and of rank 0's tuning file, before any choice is made.
struct HostFacts {
  /// By local rank: its package, counted from 0 among those that this host's ranks are on. A rank
  /// that may use several is counted to one by its local rank, evenly. Equal on a host's ranks.
  std::vector<int> local_packages = {0};
  /// How many of this host's ranks can really run at once: the cores that they may use together.
  int local_cores = 1;
  /// Equal on all ranks.
  Crowding crowding;
  /// The entry of --tuning-file for this job's ranks and hosts; equal on all ranks.
  std::optional<Tuning> tuning;
};

/// Collective. Reads --topology's file on every rank and --tuning-file on rank 0 of the world alone
/// (its path may differ or be missing elsewhere), and has rank 0 check where the autotuner is to
/// write. A tuning file of another machine is used and
/// warned about; one without an entry for these ranks is warned about and counts as none.
/// Errors: kInvalidArgument on all ranks alike when a file is missing or malformed on one, or
/// cannot be written; kTimeout, kAborted.
[[nodiscard]] Result<HostFacts> AgreeOnHosts(Communicator& world, const Config& config,
                                             const Deadline& deadline);

}  // namespace ronde
