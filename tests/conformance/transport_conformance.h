#pragma once

#include <span>
#include <string_view>

#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// One promise of core/comm/transport.h. `run` is called on every rank of a world at once and
/// returns what this rank found wrong.
struct ConformanceCase {
  std::string_view name;
  Status (*run)(Transport& transport);
};

/// All promises that leave the world usable, for any number of ranks.
[[nodiscard]] std::span<const ConformanceCase> TransportConformanceCases();

/// The last one: a rank ends the job while the others are blocked. The world is over afterwards.
[[nodiscard]] Status CheckAbort(Transport& transport);

}  // namespace ronde
