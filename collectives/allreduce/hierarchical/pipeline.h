#pragma once

#include <cstddef>
#include <vector>

#include "collectives/allreduce/hierarchical/lane.h"
#include "collectives/allreduce/hierarchical/local_side.h"
#include "collectives/allreduce/hierarchical/net_side.h"
#include "collectives/collective_context.h"
#include "core/base/status.h"

namespace ronde {

/// Runs both sides of a hierarchical allreduce so that wire and memory work at once. In round t
/// chunk t is summed up inside the host and leaves; phases of the chunks before it end, and begin,
/// between hosts; and the chunk whose last phase has ended is handed out. All ranks go through the
/// same rounds, so messages need no numbers.
class Pipeline {
 public:
  /// `net` is null on ranks that are no carriers, which see `net_rounds` pass by.
  struct Sides {
    LocalSide& local;
    NetSide* net;
    std::size_t net_rounds;  ///< from a chunk's sum to its result; equal on all ranks
  };
  Pipeline(CollectiveContext& context, const Sides& sides, std::size_t shard_bytes);

  Status Run(std::size_t chunks);

 private:
  Lane& LaneOf(std::size_t chunk) { return lanes_[chunk % lanes_.size()]; }
  /// Ends and begins phases, the latest first.
  Status MoveOn(std::size_t round, std::size_t chunks);
  /// While this rank waits for others of its host: some transports need the thread to move data.
  Status Nudge();

  CollectiveContext& context_;
  Sides sides_;
  std::vector<Lane> lanes_;
};

}  // namespace ronde
