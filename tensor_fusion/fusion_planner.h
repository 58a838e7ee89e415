#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/control/executor.h"

namespace ronde {

/// Operations that travel together: positions in the planned list, ascending. More than one only
/// for allreduces of equal process set, dtype, op, prescale and postscale.
struct FusionBatch {
  std::span<const std::uint32_t> members;
  std::size_t packed_bytes = 0;  ///< of all members, each padded (see pack.h)
};

/// Decides what travels together. The plan is a pure function of the list of agreed requests and of
/// the threshold, so it is equal on all ranks; nothing rank-local is read. A rank sees only the
/// operations of its own process sets: what others are between them changes neither a batch nor the
/// order of the batches that it shares with another rank.
///
/// An allreduce joins the open batch of its kind when the batch stays within the threshold, else it
/// opens the next one; operations in between do not matter. A tensor above the threshold, one of
/// some size in registered memory, one whose operator needs whole tensors (adasum) and every other
/// kind of operation travel alone. Batches run in
/// the order of their first members. Cost: O(operations x open kinds). Thread rule: engine-only;
/// the storage is reused.
class FusionPlanner {
 public:
  explicit FusionPlanner(std::size_t threshold_bytes) : threshold_bytes_(threshold_bytes) {}

  /// For the next Plan.
  void set_threshold_bytes(std::size_t threshold_bytes) { threshold_bytes_ = threshold_bytes; }

  /// Valid until the next call. Reads only `response.request` of each operation.
  [[nodiscard]] std::span<const FusionBatch> Plan(std::span<const ReadyOperation> operations);

 private:
  struct Draft {
    std::uint32_t first = 0;  // position of the first member
    std::uint32_t count = 0;
    std::uint32_t slot = 0;  // where in members_ the next member goes
    std::size_t packed_bytes = 0;
  };

  /// The draft that `request` joins, opened where needed.
  std::uint32_t DraftFor(std::span<const ReadyOperation> operations, std::uint32_t position);
  std::uint32_t NewDraft(std::uint32_t position);

  std::size_t threshold_bytes_;
  std::vector<Draft> drafts_;
  std::vector<std::uint32_t> open_;      // drafts that may still grow, one per kind
  std::vector<std::uint32_t> draft_of_;  // by position
  std::vector<std::uint32_t> members_;   // positions, grouped by draft
  std::vector<FusionBatch> batches_;
};

}  // namespace ronde
