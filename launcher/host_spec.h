#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// A host and how many ranks it takes before it is oversubscribed.
struct HostSlots {
  std::string host;
  int slots = 1;

  friend bool operator==(const HostSlots&, const HostSlots&) = default;
};

/// Reads `-H`: "h1:2,h2:4"; a host without ":N" has one slot, a repeated host adds up its slots.
/// Errors: kInvalidArgument names the entry and what is accepted.
[[nodiscard]] Result<std::vector<HostSlots>> ParseHostList(std::string_view text);

/// Reads a hostfile, one host a line: "host", "host slots=N" (further Open MPI keys such as
/// max_slots=N are checked and ignored) or "host:N"; "#" starts a comment. Order is kept.
/// Errors: kInvalidArgument names `file_name`, the line and what is accepted.
[[nodiscard]] Result<std::vector<HostSlots>> ParseHostfile(std::string_view text,
                                                           std::string_view file_name);

/// At most INT_MAX.
[[nodiscard]] int TotalSlots(const std::vector<HostSlots>& hosts);

/// The form that `-H` takes: "h1:2,h2:4".
[[nodiscard]] std::string FormatHostList(const std::vector<HostSlots>& hosts);

}  // namespace ronde
