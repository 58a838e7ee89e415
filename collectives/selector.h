#pragma once

#include <string_view>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde {

/// Chooses the algorithm of an allreduce: the one that --allreduce-algorithm names, else the least
/// Cost among those that support the call; with --reproducible only those whose order of additions
/// does not depend on the offset, and one for all sizes. A pure function of what is equal on all
/// ranks. Immutable.
class Selector {
 public:
  /// Error: kInvalidArgument for a name that is not registered, or for one that --reproducible
  /// rules out.
  [[nodiscard]] static Result<Selector> Create(const Config& config);

  /// Never null on success. Error: kUnavailable when the named algorithm does not support the call
  /// (a choice by name never falls back silently) or when none does.
  [[nodiscard]] Result<const AllreduceAlgorithm*> Choose(CollectiveContext& context,
                                                         const AllreduceArguments& arguments) const;

 private:
  Selector(const AllreduceAlgorithm* named, bool reproducible)
      : named_(named), reproducible_(reproducible) {}

  const AllreduceAlgorithm* named_;  // null: auto
  bool reproducible_;
};

/// The registered algorithm of this name, or null.
[[nodiscard]] const AllreduceAlgorithm* FindAllreduceAlgorithm(std::string_view name);

}  // namespace ronde
