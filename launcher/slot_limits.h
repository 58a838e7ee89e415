#pragma once

#include <vector>

#include "core/base/status.h"
#include "launcher/host_spec.h"

namespace ronde {

/// The slots that `rank_count` ranks take where those of the hosts do not suffice and a host has a
/// max_slots: one more for each host in turn, past max_slots for none. `hosts` as they are where
/// they suffice or none has a limit; then oversubscription is the launcher's business.
/// Errors: kInvalidArgument where the limits leave no room for all ranks.
[[nodiscard]] Result<std::vector<HostSlots>> FitSlots(std::vector<HostSlots> hosts, int rank_count);

}  // namespace ronde
