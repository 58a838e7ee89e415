#pragma once

#include <cstdint>
#include <vector>

#include "collectives/collective_context.h"
#include "core/control/executor.h"

namespace ronde {

/// Runs what is made of one block of rows for each rank: allgather, reducescatter, alltoall. Sizes
/// are those that all ranks have agreed on; the entries' own buffers follow from them.
/// Errors: kInternal where a response does not fit this rank's part of the operation; those of the
/// collective. A result for which a host has no memory is refused on all ranks: the handle
/// completes with the same kUnavailable, nothing moves, and the job goes on. Does not allocate in
/// the steady state, results excepted. Thread rule: engine-only.
class BlockOperations {
 public:
  /// `context` must outlive this.
  explicit BlockOperations(CollectiveContext& context) : context_(context) {}

  /// Into the entry's output, or into the handle's result where the request has none.
  Status Gather(ReadyOperation& operation);
  Status ReduceAndScatter(const ReadyOperation& operation);
  /// Into the handle's result.
  Status Exchange(ReadyOperation& operation);

 private:
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(context_.size()); }
  [[nodiscard]] std::size_t rank() const { return static_cast<std::size_t>(context_.rank()); }

  /// Whether every host has memory for the results of its ranks, of `result_bytes` each; else
  /// completes the handle. Collective, where there is much to ask for.
  Result<bool> HasMemoryFor(const std::vector<std::int64_t>& result_bytes,
                            const ReadyOperation& operation);

  CollectiveContext& context_;
  std::vector<std::int64_t> blocks_;  // bytes or elements of each, of the operation at hand
};

}  // namespace ronde
