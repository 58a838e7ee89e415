#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/control_group.h"

namespace ronde {

/// What can be allocated on this host without swapping, as far as the kernel says, and within the
/// limits of this process's control groups (a container's, a batch job's); UINT64_MAX where neither
/// is known. To be asked before much is allocated: memory is granted freely and taken back by
/// killing processes. Thread-safe; some tens of microseconds.
[[nodiscard]] std::uint64_t AvailableMemoryBytes();

/// The first part, from the text of /proc/meminfo.
[[nodiscard]] std::uint64_t AvailableOnHostBytes(std::string_view meminfo);

/// The second: the least that a control group on the way from a process's own to the root leaves of
/// its limit. Cached files do not count as used. `groups` is the text of
/// /proc/self/cgroup.
[[nodiscard]] std::uint64_t LeftByControlGroupsBytes(std::string_view groups,
                                                     const std::string& mount = kControlGroupMount);

}  // namespace ronde
