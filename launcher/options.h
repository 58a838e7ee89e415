#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "launcher/binding.h"
#include "launcher/host_spec.h"

namespace ronde {

/// What --launcher says.
enum class LauncherChoice { kAuto, kMpirun, kSrun };

/// What ronderun was asked to do.
struct LaunchOptions {
  int rank_count = 0;            ///< 0: not given; as many as a batch system's job has slots
  std::vector<HostSlots> hosts;  ///< empty: this machine, or what the batch system allocated
  std::string hosts_given_by;    ///< "-H" or "--hostfile"; empty where hosts are
  LauncherChoice launcher = LauncherChoice::kAuto;
  std::string mpi_home;  ///< Open MPI's folder; empty: mpirun from PATH
  BindingChoice binding = BindingChoice::kAuto;
  int ssh_port = 0;                      ///< 0: ssh's own choice
  std::string ssh_identity_file;         ///< empty: ssh's own choice
  std::vector<std::string> environment;  ///< "NAME" or "NAME=value", in the order given
  std::string output_directory;          ///< of files with every rank's output; empty: none
  bool tag_output = false;               ///< "[rank] " in front of every line
  bool no_preflight = false;
  bool check_build = false;
  bool dry_run = false;
  bool verbose = false;
  double start_timeout_s = 0;        ///< until every rank has initialised Ronde; 0: no limit
  double stop_timeout_s = 30;        ///< that ranks have to save when the user ends the job
  std::vector<std::string> program;  ///< name and its own arguments; empty only with check_build
  Config settings;                   ///< flags over config file over environment over defaults
};

struct LaunchCommandLine {
  std::optional<int> exit_code;  ///< set: everything has been said, end with it
  LaunchOptions options;
};

/// Reads ronderun's command line, and the file that --config-file names; flags win over the file.
/// `arguments` starts with ronderun's own name. From the program's name on everything belongs to
/// the program; "--" before it is optional. Wrong input is said on stderr in one line (exit code
/// 2); --help and --version go to stdout (exit code 0).
[[nodiscard]] LaunchCommandLine ParseLaunchCommandLine(const std::vector<std::string>& arguments,
                                                       const Config& environment);

/// The command line as CLI11 can read it: "-np" and "-np=N" in Open MPI's spelling become "--np".
[[nodiscard]] std::vector<std::string> RewriteArguments(std::vector<std::string> arguments);

}  // namespace ronde
