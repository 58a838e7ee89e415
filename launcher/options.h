#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "launcher/host_spec.h"

namespace ronde {

/// What ronderun was asked to do.
struct LaunchOptions {
  int rank_count = 0;
  std::vector<HostSlots> hosts;  ///< empty: this machine, or what the batch system allocated
  bool dry_run = false;
  bool verbose = false;
  double stop_timeout_s = 30;        ///< that ranks have to save when the user ends the job
  std::vector<std::string> program;  ///< name and its own arguments; never empty
  Config settings;                   ///< flags over environment over defaults
};

struct LaunchCommandLine {
  std::optional<int> exit_code;  ///< set: everything has been said, end with it
  LaunchOptions options;
};

/// Reads ronderun's command line; `arguments` starts with ronderun's own name. From the program's
/// name on everything belongs to the program; "--" before it is optional. Wrong input is said on
/// stderr in one line (exit code 2); --help and --version go to stdout (exit code 0).
[[nodiscard]] LaunchCommandLine ParseLaunchCommandLine(const std::vector<std::string>& arguments,
                                                       const Config& environment);

/// The command line as CLI11 can read it: "-np" and "-np=N" in Open MPI's spelling become "--np".
[[nodiscard]] std::vector<std::string> RewriteArguments(std::vector<std::string> arguments);

}  // namespace ronde
