#pragma once

#include "collectives/allreduce/algorithm.h"
#include "collectives/allreduce/hierarchical/plan.h"
#include "collectives/collective_context.h"
#include "core/base/status.h"

namespace ronde {

/// A plan that is `tiny`: inputs ride in the flag lines of the host, its lowest rank exchanges
/// their sum with other hosts', and the result rides back.
Status RunTinyHierarchical(CollectiveContext& context, const AllreduceArguments& arguments,
                           const HierarchicalPlan& plan);

}  // namespace ronde
