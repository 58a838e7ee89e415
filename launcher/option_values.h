#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/options.h"

namespace ronde {

// How values of ronderun's own flags are read. Errors: kInvalidArgument in the form "--flag: 'text'
// what; expected ...".

[[nodiscard]] Status ParseRankCount(const std::string& text, int* count);
[[nodiscard]] Status ParseSeconds(const std::string& flag, const std::string& text,
                                  double* seconds);
[[nodiscard]] Status ParsePort(const std::string& text, int* port);
[[nodiscard]] Status ParseLauncher(const std::string& text, LauncherChoice* launcher);
[[nodiscard]] Status ParseVariable(const std::string& text, std::vector<std::string>* environment);
[[nodiscard]] Status ParseIdentityFile(const std::string& text, std::string* path);
[[nodiscard]] Status ParseMpiHome(const std::string& text, std::string* path);
[[nodiscard]] Status ParseOutputDirectory(const std::string& text, std::string* path);

}  // namespace ronde
