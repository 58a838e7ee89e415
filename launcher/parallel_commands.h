#pragma once

#include <span>
#include <string>
#include <vector>

namespace ronde {

/// How a command ended, and what it wrote (the first 256 KiB of each).
struct CommandOutput {
  int exit_code = -1;  ///< 128 + N where signal N ended it; 127 where it could not be started
  bool timed_out = false;
  std::string output;
  std::string error_output;
};

/// Runs commands (looked up in PATH) beside one another, at most 64 at a time, with an empty stdin,
/// and returns when the last has ended: their results in the same order. What still runs or has not
/// started after `deadline_s` seconds is killed, with its children. If the caller dies, so do they.
/// Thread rule: no other child of the process may be waited for meanwhile.
[[nodiscard]] std::vector<CommandOutput> RunInParallel(
    std::span<const std::vector<std::string>> commands, double deadline_s);

}  // namespace ronde
