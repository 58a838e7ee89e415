#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// A transport that this build has.
struct TransportEntry {
  std::string_view name;
  /// This process's rank in its world. Over a launcher it is collective over all ranks.
  Result<std::unique_ptr<Transport>> (*create_world)(const Config& config);
};

/// All of them, in the order of core/comm/transports/CMakeLists.txt.
[[nodiscard]] std::span<const TransportEntry> TransportTable();

/// Creates the world of the transport of that name. Error: kUnavailable naming those that exist.
[[nodiscard]] Result<std::unique_ptr<Transport>> CreateWorld(std::string_view name,
                                                             const Config& config);

/// The world that this process was launched into: over MPI under an MPI or PMIx launcher, with what
/// --net-transport names between hosts; one rank in process when started bare, in which case MPI is
/// never touched. Collective.
/// Errors: kUnavailable under a launcher where the build has no MPI; kInvalidArgument where it has
/// no UCX, which was asked for.
[[nodiscard]] Result<std::unique_ptr<Transport>> CreateLaunchedWorld(const Config& config);

}  // namespace ronde
