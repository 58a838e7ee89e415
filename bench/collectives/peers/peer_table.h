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

/// What a peer's ranks can find one another with, and where buffers lie.
struct PeerPlace {
  CollectiveContext& context;
  BenchDevice* device;  ///< null: in host memory
};

/// A library that `--peers` can name.
struct PeerEntry {
  std::string_view name;
  std::unique_ptr<CollectiveRunner> (*make)(const PeerPlace& place);
};

/// The peers of this build, in the order of the CMake list, which is the registry.
[[nodiscard]] std::span<const PeerEntry> Peers();

}  // namespace ronde::bench
