#include "core/comm/communicator.h"

#include <algorithm>

namespace ronde {
namespace {

// Where a rank stands when ranks are grouped by host. Computed alike on all ranks.
struct Placement {
  std::vector<const std::string*> hosts;  // in order of their lowest rank
  std::vector<int> ranks_per_host;
  int host = 0;        // this rank's, as an index of `hosts`
  int local_rank = 0;  // lower ranks on this host
};

Placement PlaceRanks(const Transport& transport) {
  Placement placement;
  for (int rank = 0; rank < transport.size(); ++rank) {
    const std::string& id = transport.host_id(rank);
    const auto found = std::find_if(placement.hosts.begin(), placement.hosts.end(),
                                    [&](const std::string* host) { return *host == id; });
    const auto host = static_cast<std::size_t>(found - placement.hosts.begin());
    if (found == placement.hosts.end()) {
      placement.hosts.push_back(&id);
      placement.ranks_per_host.push_back(0);
    }
    if (rank == transport.rank()) {
      placement.host = static_cast<int>(host);
      placement.local_rank = placement.ranks_per_host[host];
    }
    ++placement.ranks_per_host[host];
  }
  return placement;
}

}  // namespace

Result<Communicator> Communicator::Create(Transport& transport, Deadline deadline) {
  Communicator world(transport);
  const Placement placement = PlaceRanks(transport);
  const auto& per_host = placement.ranks_per_host;
  const auto [fewest, most] = std::minmax_element(per_host.begin(), per_host.end());
  world.host_count_ = static_cast<int>(placement.hosts.size());
  world.hosts_are_even_ = *fewest == *most;
  if (transport.size() == 1) return world;

  // A subgroup that is everybody is the world itself, and one that is nobody else is `alone`.
  const bool one_host = world.host_count_ == 1;
  const bool one_rank_each = *most == 1;
  const auto group = [](std::unique_ptr<Transport> owned, int host_count) {
    auto made = std::unique_ptr<Communicator>(new Communicator(*owned));
    made->owned_ = std::move(owned);
    made->host_count_ = host_count;
    return made;
  };
  RONDE_ASSIGN_OR_RETURN(auto alone_transport, transport.Split(transport.rank(), 0, deadline));
  Transport* const borrowed = alone_transport.get();
  auto alone = group(std::move(alone_transport), 1);
  if (one_host) {
    world.cross_ = std::move(alone);
    return world;
  }
  if (one_rank_each) {
    world.local_ = std::move(alone);
    return world;
  }
  RONDE_ASSIGN_OR_RETURN(auto local, transport.Split(placement.host, transport.rank(), deadline));
  RONDE_ASSIGN_OR_RETURN(auto cross,
                         transport.Split(placement.local_rank, placement.host, deadline));
  const int hosts_reached = cross->size();
  world.local_ = group(std::move(local), 1);
  world.cross_ = group(std::move(cross), hosts_reached);
  world.local_->cross_ = std::move(alone);
  world.cross_->local_ = std::unique_ptr<Communicator>(new Communicator(*borrowed));
  return world;
}

}  // namespace ronde
