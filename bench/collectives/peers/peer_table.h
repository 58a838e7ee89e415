#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bench/collectives/runner.h"

namespace ronde {
class CollectiveContext;
}

namespace ronde::bench {

/// A library that `--peers` can name. `make` gets what its ranks can find one another with.
struct PeerEntry {
  std::string_view name;
  std::unique_ptr<CollectiveRunner> (*make)(CollectiveContext& context);
};

/// The peers of this build, in the order of the CMake list, which is the registry.
[[nodiscard]] std::span<const PeerEntry> Peers();

}  // namespace ronde::bench
