#pragma once

#include <string>

#include "core/base/config.h"

namespace ronde {

/// Everything that ronde-info shows: build features, devices, topology, what the registries hold,
/// and every setting with its value and where it came from.
[[nodiscard]] std::string InfoText(const Config& config);
/// The same as one JSON object.
[[nodiscard]] std::string InfoJson(const Config& config);

}  // namespace ronde
