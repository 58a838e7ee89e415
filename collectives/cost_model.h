#pragma once

#include <cstdint>

namespace ronde {

class CollectiveContext;

/// A link's parameters in the alpha-beta-gamma model: microseconds per message, per byte moved and
/// per byte reduced.
struct LinkCost {
  double alpha_us = 0;
  double beta_us = 0;
  double gamma_us = 0;

  friend bool operator==(const LinkCost&, const LinkCost&) = default;
};

// Defaults for a current server.

/// One step of the shared-memory channel; beta is a copy into or out of a slot.
inline constexpr LinkCost kSharedMemoryCost = {
    .alpha_us = 0.13, .beta_us = 1.2e-5, .gamma_us = 1e-5};
/// The same step where payloads stay in registered memory; beta is a load or store there.
inline constexpr LinkCost kRegisteredCost = {.alpha_us = 0.1, .beta_us = 6e-6, .gamma_us = 9e-6};
/// A transport's message between processes of one host: two copies of each byte.
inline constexpr LinkCost kLocalCost = {.alpha_us = 0.5, .beta_us = 1e-4, .gamma_us = 2e-5};
/// A transport's message between hosts: Ethernet between 1 and 10 Gb/s. Nearer to the slow one,
/// where a wrong choice costs more microseconds.
inline constexpr LinkCost kNetworkCost = {.alpha_us = 20, .beta_us = 6e-3, .gamma_us = 2e-5};
/// A byte between two packages (sockets) of a host, besides what it costs inside one.
inline constexpr double kPackageCrossingUs = 3e-5;
/// A step among ranks that have to take turns on a core: each wait gives the core away. Fitted to
/// where, with 4 ranks on 2 cores, two steps get faster than one that moves more: some 10 KiB.
inline constexpr double kCrowdedStepUs = 0.6;
/// What it adds to a message between hosts, whose two ends both have to be put back on a core.
inline constexpr double kCrowdedMessageUs = 8;

/// What algorithms are judged by, and the sizes at which they change their ways. Plain data, equal
/// on all ranks (see HostFacts and TuningFile), as every choice that is made from it must be.
struct CostModel {
  LinkCost shared_memory = kSharedMemoryCost;
  LinkCost registered = kRegisteredCost;
  LinkCost local = kLocalCost;
  LinkCost network = kNetworkCost;
  /// Up to this size shared_memory reduces in one shot.
  std::int64_t one_shot_bytes = 16 << 10;
  /// From this working set on (bytes of all ranks' buffers together) results that are not read
  /// soon are written past the cache: the last level's size.
  std::int64_t streaming_bytes = 32 << 20;
  /// Ranks for each core of the machine that several hosts share (containers); up to 1 they do not
  /// take turns. In no tuning file: what was measured there is told by its rules.
  double ranks_per_shared_core = 1;

  friend bool operator==(const CostModel&, const CostModel&) = default;
};

/// What ranks know of each other's machines when nothing has been measured; equal on all ranks.
struct Crowding {
  int ranks_per_host = 1;        ///< the most
  int cores = 1;                 ///< the fewest that a host's ranks may use together
  std::int64_t cache_bytes = 0;  ///< the least last-level cache; 0: unknown
  /// Where several hosts are one machine: its ranks for each core that they may use; the most.
  double ranks_per_shared_core = 1;
};

/// The defaults, adapted: more ranks than cores share bandwidth and pay for turns at every step.
[[nodiscard]] CostModel DefaultCosts(const Crowding& crowding);

/// The link that bounds a collective over all ranks of the context.
[[nodiscard]] const LinkCost& BoundingLink(CollectiveContext& context);

/// The least that a collective takes in which a rank sends `messages` on average: where hosts share
/// their cores, more ranks than there are cores take turns, however many messages could travel at
/// once. 0 elsewhere.
[[nodiscard]] double TurnsUs(CollectiveContext& context, double messages);

/// ceil(log2(ranks)).
[[nodiscard]] int CeilLog2(int ranks);

}  // namespace ronde
