#include "core/comm/transports/mpi.h"

#include <numeric>
#include <utility>
#include <vector>

#include "core/comm/transports/mpi_transport.h"
#include "core/comm/transports/mpi_world.h"

namespace ronde {

Result<std::unique_ptr<Transport>> CreateMpiWorld(const Config& config) {
  return CreateMpiWorldOver(nullptr, config);
}

Result<std::unique_ptr<Transport>> CreateMpiWorldOver(NetWireFactory make_wire,
                                                      const Config& config) {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<MpiWorld> world, MpiWorld::Create(make_wire, config));
  MpiWorld& borrowed = *world;
  std::vector<int> members(static_cast<std::size_t>(borrowed.size()));
  std::iota(members.begin(), members.end(), 0);
  return std::unique_ptr<Transport>(std::make_unique<MpiTransport>(
      borrowed, std::move(world), /*group=*/0, std::move(members), borrowed.rank()));
}

}  // namespace ronde
