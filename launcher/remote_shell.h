#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launcher/allocation.h"

namespace ronde {

/// How commands reach other hosts, the way that mpirun itself will take.
struct RemoteShell {
  std::vector<std::string> command;  ///< program and arguments before the host; never empty
  bool is_ssh = false;               ///< understands ssh's options
  bool is_slurm = false;             ///< srun into the allocation: the host is one more option
};

struct RemoteShellOptions {
  std::string agent;  ///< OMPI_MCA_plm_rsh_agent, "a : b" for the first that exists; "": ssh
  std::string agent_options;                      ///< OMPI_MCA_plm_rsh_args, words
  int ssh_port = 0;                               ///< --ssh-port; 0: ssh's own choice
  std::string ssh_identity_file;                  ///< --ssh-identity-file; "": ssh's own choice
  BatchSystem batch_system = BatchSystem::kNone;  ///< inside Slurm, srun is the way
  std::string search_path;                        ///< PATH, where agents are looked for
};

/// Errors are left to the use: an agent that does not exist fails there, with its name.
[[nodiscard]] RemoteShell PlanRemoteShell(const RemoteShellOptions& options);

/// The argument vector that runs `script` (POSIX shell) on `host`. ssh asks nothing (BatchMode) and
/// gives up after `connect_timeout_s`, at least 1.
[[nodiscard]] std::vector<std::string> RemoteCommand(const RemoteShell& shell,
                                                     const std::string& host,
                                                     const std::string& script,
                                                     double connect_timeout_s);

/// What a failed command of a remote shell means for the user, with the remedy: from its exit code
/// and stderr. One line, without the host's name.
[[nodiscard]] std::string ExplainRemoteFailure(const RemoteShell& shell, int exit_code,
                                               std::string_view error_output);

}  // namespace ronde
