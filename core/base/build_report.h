#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/build_info.h"

namespace ronde {

/// A part that a build has or lacks.
struct BuildPart {
  std::string name;
  bool present = false;
  std::string detail;  ///< a version, or how to get a missing part; may be empty
};

struct BuildGroup {
  std::string title;
  std::vector<BuildPart> parts;
};

/// What this build can do, in groups, from the facts of its configuration. Pure.
[[nodiscard]] std::vector<BuildGroup> DescribeBuild(std::span<const BuildFeature> features);

/// The table of `ronderun --check-build`: "[X] MPI  3.1", "[ ] CUDA  ...".
[[nodiscard]] std::string FormatBuildReport(std::string_view version,
                                            std::span<const BuildGroup> groups);

}  // namespace ronde
