#pragma once

#include <span>
#include <vector>

#include "core/control/message.h"

namespace ronde {

/// What all ranks are told about one name: `requests` holds what each rank of its process set
/// submitted under it, in rank order, at least one, and `ranks` their world ranks, for messages.
/// Pure, so that the outcome depends on nothing local to a rank.
///
/// Errors, in the response: kMismatch where ranks disagree (the first field in which a rank differs
/// from rank 0); kInvalidArgument for what a rank objects to, and for what all ranks ask for but
/// cannot be done (a root that does not exist, scaled integers, an allgather of scalars, splits
/// that do not add up, an average window without a period, a process set of ranks that do not
/// exist).
[[nodiscard]] Response Agree(std::vector<Request> requests, std::span<const int> ranks);

}  // namespace ronde
