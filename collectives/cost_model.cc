#include "collectives/cost_model.h"

#include <bit>

namespace ronde {

const LinkCost& BoundingLink(CollectiveContext& context) {
  return context.communicator().single_host() ? kLocalCost : kNetworkCost;
}

int CeilLog2(int ranks) {
  return static_cast<int>(std::bit_width(static_cast<unsigned>(ranks - 1)));
}

}  // namespace ronde
