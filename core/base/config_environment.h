#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ronde {

/// What the launcher has put into this process's environment; readable before MPI is initialised.
struct LaunchEnvironment {
  bool under_mpi = false;  ///< started by an MPI or PMIx launcher
  int rank = 0;
  int size = 1;
};

/// Reads Open MPI's, PMIx's, PMI's or Slurm's variables.
[[nodiscard]] LaunchEnvironment ReadLaunchEnvironment();

/// All variables whose name starts with `prefix`, as "NAME=value", sorted.
[[nodiscard]] std::vector<std::string> EnvironmentWithPrefix(std::string_view prefix);

/// The value of one variable, "" where it is unset.
[[nodiscard]] std::string EnvironmentValue(const std::string& name);

}  // namespace ronde
