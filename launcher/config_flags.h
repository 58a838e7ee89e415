#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/config_file.h"

namespace CLI {
class App;
}

namespace ronde {

/// Sets the flags that `entries` (of `file_name`) give and the command line, which `app` has
/// parsed, does not.
/// Errors: kInvalidArgument names file, line, flag and what is accepted; for an unknown flag, the
/// nearest.
[[nodiscard]] Status ApplyConfigFile(const std::string& file_name,
                                     const std::vector<ConfigFileEntry>& entries, CLI::App& app);

/// "; did you mean '--hosts'?" for a wrong flag; "" where none is near.
[[nodiscard]] std::string DidYouMeanFlag(const std::string& flag, const CLI::App& app);

}  // namespace ronde
