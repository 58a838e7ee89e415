#include "launcher/slot_limits.h"

#include <algorithm>

#include "core/base/strcat.h"

namespace ronde {

Result<std::vector<HostSlots>> FitSlots(std::vector<HostSlots> hosts, int rank_count) {
  int missing = rank_count - TotalSlots(hosts);
  const bool any_limit = std::any_of(hosts.begin(), hosts.end(),
                                     [](const HostSlots& entry) { return entry.max_slots > 0; });
  if (missing <= 0 || !any_limit) return hosts;
  for (bool has_room = true; missing > 0;) {
    if (!has_room) {
      return Status::InvalidArgument(
          StrCat(rank_count, " ranks do not fit: the hosts' max_slots allow ", TotalSlots(hosts),
                 "; raise max_slots, add hosts, or start fewer ranks"));
    }
    has_room = false;
    for (HostSlots& entry : hosts) {
      if (missing == 0 || entry.slots == entry.max_slots) continue;
      ++entry.slots;
      --missing;
      has_room = true;
    }
  }
  return hosts;
}

}  // namespace ronde
