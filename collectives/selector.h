#pragma once

#include <string_view>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde {

/// Chooses the algorithm of an allreduce: the one that --allreduce-algorithm names, else the least
/// Cost among those that support the call. --reproducible admits only those with a strict enough
/// ReductionOrder (on: kFixed, tree: kTree), and makes it one for all sizes. A pure function of
/// what is equal on all ranks. Immutable.
class Selector {
 public:
  /// Error: kInvalidArgument for a name that is not registered, or for one that --reproducible
  /// rules out for any number of ranks, so that a job does not begin to fail when it grows.
  [[nodiscard]] static Result<Selector> Create(const Config& config);

  /// Never null on success. Error: kUnavailable when the named algorithm does not support the call
  /// (a choice by name never falls back silently) or when none does.
  [[nodiscard]] Result<const AllreduceAlgorithm*> Choose(CollectiveContext& context,
                                                         const AllreduceArguments& arguments) const;

 private:
  Selector(const AllreduceAlgorithm* named, ReductionOrder required)
      : named_(named), required_(required) {}

  const AllreduceAlgorithm* named_;  // null: auto
  ReductionOrder required_;
};

/// The registered algorithm of this name, or null.
[[nodiscard]] const AllreduceAlgorithm* FindAllreduceAlgorithm(std::string_view name);

}  // namespace ronde
