#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "launcher/host_spec.h"

namespace ronde {

enum class BatchSystem { kNone, kSlurm, kPbs };

/// The hosts that a batch system has given to this job.
struct Allocation {
  BatchSystem system = BatchSystem::kNone;
  std::string name;              ///< for messages: "Slurm job 17"; "" without one
  std::vector<HostSlots> hosts;  ///< in the batch system's order; empty without one
};

/// Returns a file's content; tests pass recorded ones.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

/// The allocation that `variables` ("NAME=value") tell of: Slurm's (hosts from SLURM_JOB_NODELIST,
/// slots from SLURM_TASKS_PER_NODE, else CPUs over CPUs per task) or PBS's, OpenPBS's and Torque's
/// (PBS_NODEFILE; a node named n times has n slots, or PBS_NUM_PPN where it is named once).
/// Without a job's variables: an Allocation of kNone.
/// Errors: kInvalidArgument names the variable or file, what it says and what was expected.
[[nodiscard]] Result<Allocation> FindAllocation(std::span<const std::string> variables,
                                                const FileReader& read_file);

/// Where a job runs.
struct HostPlan {
  std::vector<HostSlots> hosts;  ///< empty: this machine, one slot per core
  std::string note;              ///< something the user should know, or ""
  bool from_allocation = false;  ///< the batch system's list, unchanged
};

/// Hosts given by hand (-H or --hostfile, `given_by` for messages) win over an allocation's and
/// choose from it: they get the allocation's spelling ("n1" for "n1.cluster.org") and their own
/// order and slots. "localhost" stands for `own_host`. Without either: no hosts.
/// Errors: kInvalidArgument for a host outside the allocation, with the remedy.
[[nodiscard]] Result<HostPlan> ChooseHosts(const std::vector<HostSlots>& given,
                                           std::string_view given_by, const Allocation& allocation,
                                           std::string_view own_host);

}  // namespace ronde
