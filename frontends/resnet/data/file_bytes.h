#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// The whole of a regular file. Errors: kInvalidArgument, "PATH: cannot be read: why".
[[nodiscard]] Result<std::vector<std::uint8_t>> ReadFileBytes(const std::string& path);

}  // namespace ronde
