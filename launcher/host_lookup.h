#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/host_spec.h"

namespace ronde {

/// kInvalidArgument for the first host whose name does not resolve. "localhost" and this machine's
/// own name are always fine.
[[nodiscard]] Status CheckHostsResolve(const std::vector<HostSlots>& hosts);

/// This machine's name.
[[nodiscard]] std::string OwnHostName();

/// Physical cores that this process may run on: what mpirun counts as slots of the local host.
[[nodiscard]] int LocalCoreCount();

}  // namespace ronde
