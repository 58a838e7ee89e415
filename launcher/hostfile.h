#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "launcher/host_spec.h"

namespace ronde {

/// Reads a hostfile, one host a line, in Open MPI's form ("host", "host slots=N max_slots=N"; also
/// "slots = N", "count=N" and "max-slots=N") or Horovod's ("host:N"); "#" starts a comment, blank
/// lines do not count. A host without a number has one slot, a repeated host adds up. Order is
/// kept.
/// Errors: kInvalidArgument in the form "hostfile FILE, line N: what; expected ...".
[[nodiscard]] Result<std::vector<HostSlots>> ParseHostfile(std::string_view text,
                                                           std::string_view file_name);

/// ParseHostfile of a file's content.
/// Errors: also kInvalidArgument where the file cannot be read.
[[nodiscard]] Result<std::vector<HostSlots>> ReadHostfile(const std::string& path);

}  // namespace ronde
