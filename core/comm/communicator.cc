#include "core/comm/communicator.h"

#include <algorithm>
#include <utility>

namespace ronde {

Communicator::Communicator(Transport& transport)
    : transport_(&transport), rank_(transport.rank()), size_(transport.size()) {
  std::vector<const std::string*> hosts;
  for (int rank = 0; rank < size_; ++rank) {
    const std::string& id = transport.host_id(rank);
    const auto found = std::find_if(hosts.begin(), hosts.end(),
                                    [&id](const std::string* host) { return *host == id; });
    const auto host = static_cast<std::size_t>(found - hosts.begin());
    if (found == hosts.end()) {
      hosts.push_back(&id);
      ranks_of_hosts_.emplace_back();
    }
    if (rank == rank_) host_ = static_cast<int>(host);
    // Whose ranks have begun to appear after this one's.
    if (host + 1 < hosts.size()) hosts_are_blocks_ = false;
    ranks_of_hosts_[host].push_back(rank);
  }
  const auto fewer = [](const auto& a, const auto& b) { return a.size() < b.size(); };
  const auto [fewest, most] =
      std::minmax_element(ranks_of_hosts_.begin(), ranks_of_hosts_.end(), fewer);
  fewest_per_host_ = static_cast<int>(fewest->size());
  most_per_host_ = static_cast<int>(most->size());
}

Result<Communicator> Communicator::Create(Transport& transport, Deadline deadline) {
  Communicator world(transport);
  if (transport.size() == 1) return world;

  // A subgroup that is everybody is the world itself, and one that is nobody else is `alone`.
  const auto group = [](std::unique_ptr<Transport> owned) {
    auto made = std::unique_ptr<Communicator>(new Communicator(*owned));
    made->owned_ = std::move(owned);
    return made;
  };
  RONDE_ASSIGN_OR_RETURN(auto alone_transport, transport.Split(transport.rank(), 0, deadline));
  Transport* const borrowed = alone_transport.get();
  auto alone = group(std::move(alone_transport));
  if (world.single_host()) {
    world.cross_ = std::move(alone);
    return world;
  }
  if (world.most_ranks_per_host() == 1) {
    world.local_ = std::move(alone);
    return world;
  }
  const std::vector<int>& neighbours = world.ranks_of_hosts_[static_cast<std::size_t>(world.host_)];
  const auto local_rank = static_cast<int>(
      std::find(neighbours.begin(), neighbours.end(), world.rank_) - neighbours.begin());
  RONDE_ASSIGN_OR_RETURN(auto local, transport.Split(world.host_, transport.rank(), deadline));
  RONDE_ASSIGN_OR_RETURN(auto cross, transport.Split(local_rank, world.host_, deadline));
  world.local_ = group(std::move(local));
  world.cross_ = group(std::move(cross));
  world.local_->cross_ = std::move(alone);
  world.cross_->local_ = std::unique_ptr<Communicator>(new Communicator(*borrowed));
  return world;
}

}  // namespace ronde
