#pragma once

#include <string>

#include "core/base/config.h"
#include "core/comm/topology.h"

namespace ronde {

/// Everything that ronde-info shows: build features, devices, `topology`, what the registries hold,
/// and every setting with its value and where it came from.
[[nodiscard]] std::string InfoText(const Config& config, const Topology& topology);
/// The same as one JSON object.
[[nodiscard]] std::string InfoJson(const Config& config, const Topology& topology);

}  // namespace ronde
