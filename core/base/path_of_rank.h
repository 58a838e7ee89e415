#pragma once

#include <string>

namespace ronde {

/// Where `rank` writes what a setting calls `path`, so that no two ranks write one file: rank 0 to
/// the path itself, others with .rankN before the extension ("run/t.json" -> "run/t.rank3.json").
[[nodiscard]] std::string PathOfRank(const std::string& path, int rank);

}  // namespace ronde
