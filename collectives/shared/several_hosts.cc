#include "collectives/shared/several_hosts.h"

namespace ronde {

bool GoesByHosts(CollectiveContext& context) {
  const Communicator& ranks = context.communicator();
  return !ranks.single_host() && ranks.most_ranks_per_host() > 1 &&
         context.hierarchy() != Hierarchy::kFlat;
}

bool BlocksGoByHosts(CollectiveContext& context) {
  return context.communicator().hosts_are_blocks() && GoesByHosts(context);
}

bool UsesRails(CollectiveContext& context) {
  return context.hierarchy() != Hierarchy::kLeader && context.communicator().hosts_are_even();
}

}  // namespace ronde
