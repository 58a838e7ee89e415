#pragma once

#include <cstddef>
#include <string>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "collectives/size_rules.h"
#include "core/base/status.h"

// What local= and net= in --allreduce-algorithm may name, and what they mean.

namespace ronde {

enum class LocalPart { kAuto, kPushTwoShot, kSharedMemory };

/// At most one of them.
struct NetPart {
  bool pairwise = false;
  bool direct = false;
  bool ring = false;
  const AllreduceAlgorithm* named = nullptr;  ///< from the table
};

[[nodiscard]] LocalPart LocalPartFor(CollectiveContext& context, std::size_t size_bytes);
[[nodiscard]] NetPart NetPartFor(CollectiveContext& context, std::size_t size_bytes);

/// Whether the parts that are named can run.
[[nodiscard]] bool PartsFit(CollectiveContext& context, const AllreduceArguments& arguments);

/// The order of additions between hosts that all sizes have in common, where none is named one
/// that is fixed or not.
[[nodiscard]] ReductionOrder NetOrder(CollectiveContext& context, bool few_hosts);

/// kInvalidArgument naming the rule and what is accepted.
[[nodiscard]] Status CheckPart(const SizeRule& rule);

}  // namespace ronde
