#pragma once

#include "collectives/collective_context.h"
#include "core/base/status.h"

namespace ronde {

/// Returns once every rank has called it. Shared flags where all ranks share a host, otherwise
/// dissemination: in round k each rank signals the one 2^k further on.
/// Cost:   shared: alpha; dissemination: ceil(log2 p) alpha
/// Errors: kTimeout, kAborted.
/// Source: Hensgen, Finkel, Manber, Int. J. Parallel Program. 17(1), 1988.
Status Barrier(CollectiveContext& context);

}  // namespace ronde
