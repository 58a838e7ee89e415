#pragma once

#include <span>
#include <string_view>

namespace ronde {

/// One fact of how this build was configured: {"MPI", "3.1"}; "no" for a part that is missing.
struct BuildFeature {
  std::string_view name;
  std::string_view value;
};

[[nodiscard]] std::span<const BuildFeature> BuildFeatures();

}  // namespace ronde
