#pragma once

#include <cstddef>
#include <memory>

#include "collectives/allreduce/algorithm.h"
#include "collectives/allreduce/hierarchical/lane.h"
#include "collectives/allreduce/hierarchical/plan.h"
#include "collectives/collective_context.h"
#include "core/base/status.h"

namespace ronde {

/// The part of a hierarchical allreduce inside one host, as one of its ranks sees it: makes the
/// partial sum of this rank's shard of a chunk, and hands out results. In rounds, which all ranks
/// of the host go through together; whoever is no carrier has lanes without shards.
class LocalSide {
 public:
  virtual ~LocalSide() = default;
  /// Before the first round and after the last. Errors of all: kTimeout, kAborted.
  virtual Status Open() { return Status::Ok(); }
  virtual Status Close() { return Status::Ok(); }
  /// Makes the partial sum of chunk `in` and says in `in_lane` where it is and where its result
  /// belongs; at the same time hands out the result of chunk `out`, which is complete in
  /// `out_lane`. Either chunk may be missing: then its lane is null.
  virtual Status Round(std::size_t in, Lane* in_lane, std::size_t out, const Lane* out_lane) = 0;
};

/// `plan`, `context` and `arguments` must outlive it. Errors: kInternal when registered memory has
/// been given back.
[[nodiscard]] Result<std::unique_ptr<LocalSide>> MakeLocalSide(CollectiveContext& context,
                                                               const AllreduceArguments& arguments,
                                                               const HierarchicalPlan& plan);

// The forms.
[[nodiscard]] std::unique_ptr<LocalSide> MakeAloneSide(const AllreduceArguments& arguments,
                                                       const HierarchicalPlan& plan);
[[nodiscard]] std::unique_ptr<LocalSide> MakeSlotsSide(CollectiveContext& context,
                                                       const AllreduceArguments& arguments,
                                                       const HierarchicalPlan& plan);
[[nodiscard]] Result<std::unique_ptr<LocalSide>> MakeRegisteredSide(
    CollectiveContext& context, const AllreduceArguments& arguments, const HierarchicalPlan& plan);

}  // namespace ronde
