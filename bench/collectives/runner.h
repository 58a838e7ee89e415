#pragma once

#include <string>

#include "collectives/allreduce/algorithm.h"
#include "core/base/status.h"

namespace ronde::bench {

/// Something that can be timed as an allreduce: Ronde's algorithms called bare, Ronde's engine, or
/// a peer library. Between Begin and End it alone communicates, so that two of them in turn never
/// disturb one another. Thread rule: one thread.
class AllreduceRunner {
 public:
  virtual ~AllreduceRunner() = default;
  [[nodiscard]] virtual bool Supports(const AllreduceArguments& arguments) const = 0;
  /// Collective.
  virtual Status Begin() = 0;
  /// Collective, blocking.
  virtual Status Run(const AllreduceArguments& arguments) = 0;
  /// Collective.
  virtual void End() = 0;
  /// The name of what runs for these arguments; between Begin and End.
  [[nodiscard]] virtual std::string AlgorithmFor(const AllreduceArguments& arguments) = 0;
};

}  // namespace ronde::bench
