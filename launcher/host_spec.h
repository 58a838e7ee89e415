#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// A host and how many ranks it takes before it is oversubscribed.
struct HostSlots {
  std::string host;   ///< a name or an address; IPv6 addresses without brackets
  int slots = 1;      ///< 1 to 65536
  int max_slots = 0;  ///< never more ranks than this (at least `slots`); 0: no limit

  friend bool operator==(const HostSlots&, const HostSlots&) = default;
};

/// Reads `-H`: "h1:2,h2:4,[fd00::7]:2"; a host without ":N" has one slot, a repeated host adds up
/// its slots. Users ("user@host") belong into ~/.ssh/config and are refused, as are Slurm's ranges
/// ("node[01-04]"), Open MPI's "^host" and "+n0".
/// Errors: kInvalidArgument names the entry, what is accepted and the remedy.
[[nodiscard]] Result<std::vector<HostSlots>> ParseHostList(std::string_view text);

/// Reads one entry of such a list: "host", "host:N", "[IPv6]", "[IPv6]:N".
/// Errors: kInvalidArgument without a place, for the caller to complete.
[[nodiscard]] Result<HostSlots> ParseHostEntry(std::string_view text);

/// Appends `entry`, or adds its slots (and limits, where both have one) to those of the same host.
/// Errors: kInvalidArgument for more than 65536 slots on one host.
[[nodiscard]] Status AddHost(HostSlots entry, std::vector<HostSlots>* hosts);

/// Reads a number of slots, 1 to 65536; false for anything else.
[[nodiscard]] bool ParseSlotCount(std::string_view text, int* slots);

/// At most INT_MAX.
[[nodiscard]] int TotalSlots(const std::vector<HostSlots>& hosts);

/// The form that `-H` takes: "h1:2,h2:4"; IPv6 addresses in brackets.
[[nodiscard]] std::string FormatHostList(const std::vector<HostSlots>& hosts);

/// "h1, h2, h3"; past `most` names "h1, h2 and 7 more".
[[nodiscard]] std::string FormatHostNames(const std::vector<std::string>& names,
                                          std::size_t most = 8);

}  // namespace ronde
