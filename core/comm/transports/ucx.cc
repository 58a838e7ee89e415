// The transport whose data travels over UCX between hosts, and over MPI inside them.

#include <memory>

#include "core/comm/transport.h"
#include "core/comm/transports/mpi.h"
#include "core/comm/transports/ucx_wire.h"

namespace ronde {

Result<std::unique_ptr<Transport>> CreateUcxWorld(const Config& config) {
  return CreateMpiWorldOver(&UcxWire::Create, config);
}

}  // namespace ronde
