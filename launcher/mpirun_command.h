#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "launcher/host_spec.h"

namespace ronde {

/// What the ranks find in their environment.
struct RankEnvironment {
  std::vector<std::string> inherited;    ///< names: ronderun's own values, taken to every host
  std::vector<std::string> assignments;  ///< "NAME=value" that ronderun sets
};

/// From ronderun's own environment (`variables`, "NAME=value"): RONDE_*, OMP_*, PATH,
/// LD_LIBRARY_PATH and PYTHONPATH go to every host; settings given as flags become variables;
/// idle OpenMP threads sleep (OMP_WAIT_POLICY=passive) unless the user says otherwise.
/// Ranks see a terminal under mpirun whatever stdout is, so where ronderun's own stdout is none
/// (`terminal_columns` 0) they get TERM=dumb, and else COLUMNS.
[[nodiscard]] RankEnvironment PlanRankEnvironment(std::span<const std::string> variables,
                                                  const Config& settings, int terminal_columns);

/// Everything that a command line of mpirun is made from.
struct MpirunJob {
  std::string mpirun = "mpirun";
  std::string guard;  ///< path of ronde-rank, the parent of every rank
  int rank_count = 1;
  std::vector<HostSlots> hosts;  ///< empty: mpirun's own default
  bool oversubscribes = false;   ///< more ranks than slots
  bool runs_as_root = false;
  RankEnvironment environment;
  std::vector<std::string> program;  ///< path and arguments
};

/// The argument vector for Open MPI 4.1 and 5, mpirun's name first. Binding is none, ranks fill
/// one host's slots before the next, and kStopSignal is forwarded to them.
[[nodiscard]] std::vector<std::string> BuildMpirunCommand(const MpirunJob& job);

/// One line that a POSIX shell reads back as `arguments`.
[[nodiscard]] std::string ShellQuote(std::span<const std::string> arguments);

}  // namespace ronde
