#include "collectives/cost_model.h"

#include <bit>

#include "collectives/collective_context.h"

namespace ronde {
namespace {

// Ranks in turn: each gets its share of a core, and a step lasts until all have had a turn.
LinkCost Crowded(LinkCost link, double ranks_per_core) {
  link.alpha_us += kCrowdedStepUs * ranks_per_core;
  link.beta_us *= ranks_per_core;
  link.gamma_us *= ranks_per_core;
  return link;
}

// Where one shot, which costs a step less, costs as much as two: see shared_memory.cc for both.
std::int64_t OneShotBytes(const LinkCost& link, double ranks) {
  const double one_shot = (ranks + 1) * link.beta_us + (ranks - 1) * link.gamma_us;
  const double two_shot = (ranks - 1) / ranks * (4 * link.beta_us + link.gamma_us);
  return static_cast<std::int64_t>(link.alpha_us / (one_shot - two_shot));
}

}  // namespace

CostModel DefaultCosts(const Crowding& crowding) {
  CostModel costs;
  if (crowding.cache_bytes > 0) costs.streaming_bytes = crowding.cache_bytes;
  costs.ranks_per_shared_core = crowding.ranks_per_shared_core;
  if (crowding.ranks_per_host <= crowding.cores) return costs;
  const double ranks_per_core = static_cast<double>(crowding.ranks_per_host) / crowding.cores;
  costs.shared_memory = Crowded(costs.shared_memory, ranks_per_core);
  costs.registered = Crowded(costs.registered, ranks_per_core);
  costs.local = Crowded(costs.local, ranks_per_core);
  costs.one_shot_bytes = OneShotBytes(costs.shared_memory, crowding.ranks_per_host);
  return costs;
}

const LinkCost& BoundingLink(CollectiveContext& context) {
  const CostModel& costs = context.costs();
  return context.communicator().single_host() ? costs.local : costs.network;
}

double TurnsUs(CollectiveContext& context, double messages) {
  const CostModel& costs = context.costs();
  const double turns = costs.ranks_per_shared_core;
  if (context.communicator().single_host() || turns <= 1) return 0;
  return messages * (costs.network.alpha_us + kCrowdedMessageUs) * turns;
}

int CeilLog2(int ranks) {
  return static_cast<int>(std::bit_width(static_cast<unsigned>(ranks - 1)));
}

}  // namespace ronde
