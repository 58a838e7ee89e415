#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "collectives/shared/one_host.h"
#include "collectives/wire/wire_codec.h"

namespace ronde {

/// How the partial sums of hosts become one: see the NetSide of the same name.
enum class NetForm { kPairwise, kOneShot, kGather, kDirect, kRing, kNamed };

/// Where the ranks of a host meet: not at all (one rank), in registered memory, in slots.
enum class LocalForm { kAlone, kRegistered, kSlots };

/// How one hierarchical allreduce runs. All fields but `local` are equal on all ranks, and that one
/// on the ranks of a host, so hosts may differ in it.
struct HierarchicalPlan {
  /// Ranks of every host that talk to other hosts, its lowest: all (rails) or one (leader).
  int carriers = 1;
  /// What rides in flag lines inside hosts: one chunk, one carrier.
  bool tiny = false;
  std::size_t chunk_bytes = 64;  ///< of the buffer, for all carriers together
  std::size_t shard_bytes = 64;  ///< of a chunk, for one carrier: at most
  std::size_t chunks = 0;
  LocalForm local = LocalForm::kSlots;
  NetForm net = NetForm::kPairwise;
  const AllreduceAlgorithm* named = nullptr;  ///< of kNamed
  WireFormat wire = WireFormat::kSame;
};

/// Chooses among the forms: as --hierarchy and the parts in --allreduce-algorithm say, else by size
/// and number of hosts. A pure function of what is equal on all ranks, but for `local`.
[[nodiscard]] HierarchicalPlan PlanHierarchical(CollectiveContext& context,
                                                const AllreduceArguments& arguments);

/// Whether such a plan can run: several hosts, memory that the ranks of each share, and parts,
/// where they are named, that fit. `arguments` decide through size and memory.
[[nodiscard]] bool HierarchicalIsPossible(CollectiveContext& context,
                                          const AllreduceArguments& arguments);

/// The order of additions that plans for every size have in common.
[[nodiscard]] ReductionOrder HierarchicalOrder(CollectiveContext& context);

/// "rails of 2, registered memory, pairwise" for people.
[[nodiscard]] std::string Describe(const HierarchicalPlan& plan, int hosts);

/// Where the shards of a plan lie in a buffer of `total` bytes: chunks follow one another, and in
/// each, shards. All are whole cache lines but the last.
class ShardLayout {
 public:
  ShardLayout(const HierarchicalPlan& plan, std::size_t total)
      : carriers_(plan.carriers), chunk_bytes_(plan.chunk_bytes), total_(total) {}

  [[nodiscard]] ByteRange of(std::size_t chunk, int carrier) const {
    const std::size_t begin = chunk * chunk_bytes_;
    const ByteRange share = ShareOf(std::min(chunk_bytes_, total_ - begin), carrier, carriers_);
    return {begin + share.begin, begin + share.end};
  }

 private:
  int carriers_;
  std::size_t chunk_bytes_;
  std::size_t total_;
};

}  // namespace ronde
