#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/host_spec.h"

namespace ronde {

/// kInvalidArgument for the first host whose name does not resolve, or that is an IPv6 address
/// (mpirun takes them for malformed names). "localhost" and this machine's own name are fine.
[[nodiscard]] Status CheckHostsResolve(const std::vector<HostSlots>& hosts);

/// This machine's name.
[[nodiscard]] std::string OwnHostName();

/// Whether this name or address is this machine: "localhost", its own name, short or full, or what
/// resolves to an address of one of its interfaces.
[[nodiscard]] bool IsOwnHost(const std::string& host);

/// Physical cores that this process may run on: what mpirun counts as slots of the local host.
[[nodiscard]] int LocalCoreCount();

}  // namespace ronde
