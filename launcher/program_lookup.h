#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"

namespace ronde {

/// The folder that holds the running executable, without a trailing slash.
[[nodiscard]] std::string OwnFolder();

/// The path of an executable file. A `name` with a slash is taken as a path; any other is looked up
/// in `own_folder`, then in the colon-separated `search_path`.
/// Errors: kInvalidArgument says where it was looked for, or what is wrong with the file.
[[nodiscard]] Result<std::string> FindProgram(const std::string& name,
                                              const std::string& own_folder,
                                              std::string_view search_path);

}  // namespace ronde
