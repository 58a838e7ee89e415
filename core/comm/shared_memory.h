#pragma once

#include <cstddef>
#include <memory>

#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// Zero-filled memory that other processes of this host can map: a memfd, so nothing appears in
/// /dev/shm or /tmp and nothing is left behind, however the process ends. Populated at once (page
/// faults on fresh shared pages cost more than the copies into them) and not inherited by fork.
/// Error: kUnavailable with the system's reason.
[[nodiscard]] Result<std::unique_ptr<Region>> AllocateSharedMemory(std::size_t size_bytes);

/// Maps what another process allocated, through /proc/<pid>/fd; the owner's region must live until
/// this returns. Error: kUnavailable when that process is out of reach (gone, another user's, in
/// another PID namespace) or its memory is not the one that the token names.
[[nodiscard]] Result<std::unique_ptr<Region>> MapSharedMemory(const RegionToken& token,
                                                              std::size_t size_bytes);

}  // namespace ronde
