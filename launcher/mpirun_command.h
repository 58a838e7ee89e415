#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "launcher/launch_plan.h"

namespace ronde {

/// The command lines of Open MPI 4 and 5 differ: 5 has another run time system (PRRTE for ORTE).
enum class MpirunVersion { kOpenMpi4, kOpenMpi5 };

/// Reads what `mpirun --version` prints.
/// Errors: kUnavailable where it is another MPI's or an Open MPI before 4.
[[nodiscard]] Result<MpirunVersion> ParseMpirunVersion(std::string_view text);

/// The argument vector, mpirun's name first. Ranks fill one host's slots before the next, and
/// kStopSignal is forwarded to them. A pure function.
[[nodiscard]] std::vector<std::string> BuildMpirunCommand(const LaunchPlan& plan,
                                                          MpirunVersion version);

}  // namespace ronde
