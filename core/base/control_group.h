#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ronde {

/// Where the kernel mounts control groups, and where it tells a process of its own.
inline constexpr const char* kControlGroupMount = "/sys/fs/cgroup";
inline constexpr const char* kOwnControlGroups = "/proc/self/cgroup";

/// The folders of a process's control group and of all groups above it, its own first: the limits
/// of all of them hold. In a container the group's own may be missing, and the last one is the
/// container's. `groups` is the text of /proc/self/cgroup. `controller` names a hierarchy of
/// version 1 ("memory"); version 2 has a single one, without a name (""). `mount` is where that
/// hierarchy is mounted. Empty: the process is in none of that kind.
[[nodiscard]] std::vector<std::string> ControlGroupFolders(std::string_view groups,
                                                           std::string_view controller,
                                                           const std::string& mount);

}  // namespace ronde
