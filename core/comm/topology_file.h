#pragma once

#include <string>
#include <string_view>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/topology.h"

namespace ronde {

/// A topology as one JSON object, with a field per member.
[[nodiscard]] std::string TopologyToJson(const Topology& topology);
/// The reverse; `what` names the text in messages. Only what is known need be there. Error:
/// kInvalidArgument naming the field, what is expected and what was found.
[[nodiscard]] Result<Topology> TopologyFromJson(std::string_view text, const std::string& what);

[[nodiscard]] Status WriteTopology(const Topology& topology, const std::string& path);
[[nodiscard]] Result<Topology> ReadTopology(const std::string& path);

/// This host as --topology says: detected, or read from the file that it names.
[[nodiscard]] Result<Topology> TopologyFor(const Config& config);

}  // namespace ronde
