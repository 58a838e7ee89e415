#pragma once

#include "collectives/collective_context.h"

namespace ronde {

/// A link's parameters in the alpha-beta-gamma model: microseconds per message, per byte moved and
/// per byte reduced.
struct LinkCost {
  double alpha_us = 0;
  double beta_us = 0;
  double gamma_us = 0;
};

// Defaults for a current server, to be calibrated per machine. They are compiled in, so they are
// equal on all ranks, as every choice that is made from them must be.

/// One step of the shared-memory channel; beta is a copy into or out of a slot.
inline constexpr LinkCost kSharedMemoryCost = {
    .alpha_us = 0.2, .beta_us = 1.4e-5, .gamma_us = 1e-5};
/// A transport's message between processes of one host: two copies of each byte.
inline constexpr LinkCost kLocalCost = {.alpha_us = 0.5, .beta_us = 1e-4, .gamma_us = 2e-5};
/// A transport's message between hosts: 10 Gb/s Ethernet.
inline constexpr LinkCost kNetworkCost = {.alpha_us = 25, .beta_us = 8e-4, .gamma_us = 2e-5};

/// The link that bounds a collective over all ranks of the context.
[[nodiscard]] const LinkCost& BoundingLink(CollectiveContext& context);

/// ceil(log2(ranks)).
[[nodiscard]] int CeilLog2(int ranks);

}  // namespace ronde
