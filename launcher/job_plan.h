#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/launch_plan.h"
#include "launcher/options.h"

namespace ronde {

/// What is to be run for a job, once everything about it is known.
struct JobPlan {
  LaunchPlan launch;
  bool uses_srun = false;
  bool reports_start = false;        ///< guards and ranks tell how far they have come
  std::vector<std::string> command;  ///< of mpirun or srun
  std::vector<std::string> notes;    ///< one line each, for the user
};

/// Finds out what the options leave open: programs, the batch system's hosts, mpirun's version, the
/// network between hosts (asking every other host, but not for a dry run), the binding. Whatever is
/// equal for all ranks is decided here, once.
/// Errors: kInvalidArgument or kUnavailable, one line with the remedy.
[[nodiscard]] Result<JobPlan> PlanJob(const LaunchOptions& options);

/// Which launcher starts the ranks. Pure. `in_slurm`: there is a Slurm job around.
/// Errors: kUnavailable where the one that was asked for, or any, cannot be had.
[[nodiscard]] Result<LauncherChoice> ChooseLauncher(LauncherChoice choice, bool in_slurm,
                                                    bool has_mpirun, bool has_srun);

/// How many ranks every host gets; 0 where it is not the same number.
[[nodiscard]] int RanksPerHost(const std::vector<HostSlots>& hosts, int rank_count);

}  // namespace ronde
