#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "collectives/collective_context.h"
#include "core/base/status.h"
#include "tensor_fusion/block_operations.h"

namespace ronde {

/// What the operations of one process set run on.
struct ProcessSetContext {
  CollectiveContext& context;
  BlockOperations blocks;

  explicit ProcessSetContext(CollectiveContext& context_in)
      : context(context_in), blocks(context_in) {}
};

/// The process sets that this rank belongs to, with the world as number 0. Sets may overlap: every
/// rank runs its part of one list in the list's order, so that no two wait for each other in turn.
/// Thread rule: engine-only.
class ProcessSetContexts {
 public:
  /// `world` must outlive this.
  explicit ProcessSetContexts(CollectiveContext& world) : world_(world) {}

  /// Collective over all ranks of the world, those that are no `members` (world ranks, ascending)
  /// too; on these it leaves nothing behind. On a member it takes a memory file of two chunks
  /// (--chunk-bytes) and a page where the set has other ranks of its host, until Remove. Cost: one
  /// exchange over the world and five within the set, each through its lowest rank.
  /// Errors: kInternal for a number in use or a list that is none; those of
  /// CollectiveContext::CreateWithin and Transport::Split. After an error the world is out of step.
  Status Add(int process_set, std::span<const std::int64_t> members);
  /// To be called on all ranks at the same place of the list; communicates nothing.
  void Remove(int process_set) { sets_.erase(process_set); }

  /// Null where this rank is in no such set. Valid until the set is removed.
  [[nodiscard]] ProcessSetContext* Find(int process_set);
  [[nodiscard]] std::size_t size() const { return sets_.size(); }  ///< the world not counted

 private:
  struct Owned {
    std::unique_ptr<CollectiveContext> context;
    ProcessSetContext view;

    explicit Owned(std::unique_ptr<CollectiveContext> context_in)
        : context(std::move(context_in)), view(*context) {}
  };

  ProcessSetContext world_;
  std::map<int, Owned> sets_;
};

}  // namespace ronde
