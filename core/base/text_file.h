#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"

namespace ronde {

/// The contents of a small file. Error: kInvalidArgument naming the path: it cannot be read, or is
/// over a megabyte and therefore something else.
[[nodiscard]] Result<std::string> ReadTextFile(const std::string& path);

/// Replaces the file as a whole: whoever looks sees the old or the new contents, never half of
/// them. Error: kInvalidArgument naming the path.
[[nodiscard]] Status ReplaceTextFile(const std::string& path, std::string_view text);

}  // namespace ronde
