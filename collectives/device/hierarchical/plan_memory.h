#pragma once

#include <cstddef>

#include "collectives/device/hierarchical/plan.h"
#include "collectives/reduce_kernels.h"

namespace ronde {

/// Where the places of a plan are for one rank.
struct PlanMemory {
  std::byte* tensor = nullptr;
  std::byte* slots = nullptr;  ///< pinned ones or room
  std::size_t slot_bytes = 0;

  [[nodiscard]] std::byte* At(const PlanPlace& place) const {
    if (place.space == PlanSpace::kTensor) return tensor + place.begin;
    return slots + static_cast<std::size_t>(place.slot) * slot_bytes + place.begin;
  }
};

/// What a plan computes.
struct PlanSum {
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  Scaling scaling = {};  ///< of the inputs, and of the complete result
  WireFormat wire = WireFormat::kSame;

  /// Of a step that adds inputs, or partial sums.
  [[nodiscard]] Scaling ForInputs(bool complete) const;
  [[nodiscard]] Scaling ForPartials(bool complete) const;
};

/// Carries out a step of kHost. kAdd is done likewise wherever it is planned for.
void RunHostStep(const PlanStep& step, const PlanSum& sum, const PlanMemory& memory);

}  // namespace ronde
