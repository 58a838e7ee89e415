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

  friend bool operator==(const RankEnvironment&, const RankEnvironment&) = default;
};

/// What RankEnvironment is made from.
struct RankEnvironmentRequest {
  std::span<const std::string> variables;  ///< ronderun's own environment, "NAME=value"
  std::span<const std::string> given;      ///< by --env: "NAME" or "NAME=value"; the last one wins
  int terminal_columns = 0;                ///< 0: ronderun's stdout is no terminal
  bool awaits_start = false;               ///< ranks are to tell when they are ready
};

/// RONDE_*, OMP_*, PATH, LD_LIBRARY_PATH and PYTHONPATH go to every host, as do UCX_*'s; settings
/// given as flags become variables; idle OpenMP threads sleep (OMP_WAIT_POLICY=passive) unless the
/// user says otherwise. What the user gives by --env wins over all of them.
/// Ranks see a terminal under mpirun whatever stdout is, so where ronderun's own stdout is none
/// they get TERM=dumb, and else COLUMNS.
[[nodiscard]] RankEnvironment PlanRankEnvironment(const Config& settings,
                                                  const RankEnvironmentRequest& request);

/// What a rank may run on. kNuma and kCore also spread ranks over those places.
enum class Binding { kNone, kCore, kNuma };

/// Everything that a command line of mpirun or srun is made from.
struct LaunchPlan {
  std::string launcher = "mpirun";  ///< name or path of mpirun or srun
  std::vector<std::string> guard;   ///< path of ronde-rank, the parent of every rank; its flags
  int rank_count = 1;
  std::vector<HostSlots> hosts;       ///< empty: the launcher's own default
  bool hosts_are_allocation = false;  ///< they are the batch system's, which Slurm knows itself
  bool oversubscribes = false;        ///< more ranks than slots
  bool runs_as_root = false;
  Binding binding = Binding::kNone;
  std::string network_interface;       ///< names or subnets, comma-separated; empty: any
  bool runs_here = true;               ///< this machine is among the hosts
  int ssh_port = 0;                    ///< 0: ssh's own choice
  std::string ssh_identity_file;       ///< empty: ssh's own choice
  std::string remote_shell_arguments;  ///< the user's own for mpirun's remote shell; they stay
  RankEnvironment environment;
  std::vector<std::string> program;  ///< path and arguments
};

/// One line that a POSIX shell reads back as `arguments`.
[[nodiscard]] std::string ShellQuote(std::span<const std::string> arguments);

/// The host that `rank` runs on where ranks fill one host's slots before the next; "" where there
/// are no hosts, or no slot is left for it.
[[nodiscard]] std::string HostOfRank(const std::vector<HostSlots>& hosts, int rank);

}  // namespace ronde
