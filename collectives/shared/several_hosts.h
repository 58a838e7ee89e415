#pragma once

#include "collectives/collective_context.h"

namespace ronde {

/// Whether collectives that move data between hosts go host by host: there are several, one of them
/// at least has several ranks, and --hierarchy does not say flat. Equal on all ranks.
[[nodiscard]] bool GoesByHosts(CollectiveContext& context);

/// The same for those whose ranks' blocks lie in rank order: each host must have consecutive ranks,
/// so that what is one host's lies together.
[[nodiscard]] bool BlocksGoByHosts(CollectiveContext& context);

/// Whether every rank carries its share between hosts, rather than one rank a host: --hierarchy,
/// and in doubt where hosts have equally many ranks. Equal on all ranks.
[[nodiscard]] bool UsesRails(CollectiveContext& context);

}  // namespace ronde
