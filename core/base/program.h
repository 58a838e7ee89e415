#pragma once

#include <optional>
#include <string>

#include "core/base/config.h"

namespace CLI {
class App;
}

namespace ronde {

/// Adds one flag per row of the settings table, grouped, with type, default and variable in its
/// help; given values go into `config`, which must outlive the parse.
void AddSettingFlags(CLI::App& app, Config& config);

/// The common look of every program's command line: --help with groups, --version.
void SetUpProgram(CLI::App& app);

/// Parses the command line. Returns the exit code when the program should end now: 0 after --help
/// or --version, 2 after a wrong flag or value, which is said in one line. Only rank 0 prints.
[[nodiscard]] std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv);

/// Prints "program: message" to stderr on rank 0 only, and returns the exit code for `status`.
int ReportBadInput(const std::string& program, const Status& status);

/// "0.1.0".
[[nodiscard]] std::string VersionString();

}  // namespace ronde
