#pragma once

#include <memory>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"
#include "core/comm/transports/wire.h"

namespace ronde {

/// This process's rank in a world over MPI_COMM_WORLD. Collective; may be called again after the
/// previous world is gone. native_communicator() of the world is a pointer to its own MPI_Comm.
///
/// Only the C API is used, so that one binary runs with Open MPI 4.1 and 5.
/// Ranks of one host sleep on shared-memory doorbells and map each other's memory; messages of
/// other hosts are looked for while idle: every 0.2 ms at first, after half a second every 10 ms.
/// After kTimeout or kAborted, MPI may still write to the buffers of the operation that failed.
/// Errors: kUnavailable when MPI cannot be used as needed.
[[nodiscard]] Result<std::unique_ptr<Transport>> CreateMpiWorld(const Config& config);

/// The same, with messages between hosts on the wire that `make_wire` gives, if it is not null and
/// there are several hosts. The engine then sleeps on that wire instead of looking for messages.
/// Within a host, MPI carries the data. Errors: those of `make_wire` too.
[[nodiscard]] Result<std::unique_ptr<Transport>> CreateMpiWorldOver(NetWireFactory make_wire,
                                                                    const Config& config);

}  // namespace ronde
