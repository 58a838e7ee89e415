#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// Expands Slurm's compressed list of hosts: "n[01-03,7],gpu2" -> n01 n02 n03 n7 gpu2; of several
/// brackets in a name the last one counts fastest. At most 65536 hosts.
/// Errors: kInvalidArgument quotes the part that is wrong.
[[nodiscard]] Result<std::vector<std::string>> ExpandSlurmHosts(std::string_view list);

/// Expands Slurm's repeated counts: "2(x3),1" -> 2 2 2 1. Each is 1 to 65536, and so is how many
/// there are.
/// Errors: kInvalidArgument quotes the part that is wrong.
[[nodiscard]] Result<std::vector<int>> ExpandSlurmCounts(std::string_view list);

}  // namespace ronde
