#pragma once

#include <string>

namespace ronde {

/// What tells this host from others: boot id, UTS name and network namespace. Network namespaces on
/// one machine share the boot id and could even map each other's memory, but they are different
/// hosts to whoever set them up. RONDE_HOST_ID overrides it where a transport is created.
[[nodiscard]] std::string DerivedHostId();

/// What hosts have in common that share a machine's cores without knowing it, as containers do: the
/// kernel's boot id; empty where it is hidden.
[[nodiscard]] std::string MachineId();

/// For messages to people.
[[nodiscard]] std::string HostName();

}  // namespace ronde
