#pragma once

#include <string>
#include <vector>

#include "launcher/launch_plan.h"

namespace ronde {

/// The argument vector that starts the ranks as a step of the Slurm job around it, `env` first (it
/// sets what srun's --export cannot carry: values with commas). Ranks start through PMIx, fill one
/// host's slots before the next, and all end where one ends badly. A pure function.
/// Of no meaning to srun, and left out: ssh_port, ssh_identity_file, runs_as_root; the network
/// interface reaches Open MPI as OMPI_MCA_btl_tcp_if_include.
[[nodiscard]] std::vector<std::string> BuildSrunCommand(const LaunchPlan& plan);

}  // namespace ronde
