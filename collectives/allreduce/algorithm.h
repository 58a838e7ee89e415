#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// One allreduce as every rank sees it. All fields but the pointers are equal on all ranks.
/// Result: output[i] = postscale * reduce over ranks (prescale * input[i]); kAverage also divides
/// by the number of ranks. Scaling needs a floating-point type.
struct AllreduceArguments {
  const void* input = nullptr;  ///< may equal output
  void* output = nullptr;
  std::int64_t count = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  double prescale = 1;
  double postscale = 1;
};

/// An allreduce algorithm: stateless, chosen by the Selector, blocking, reads top to bottom.
class AllreduceAlgorithm {
 public:
  virtual ~AllreduceAlgorithm() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Whether it can run here. Must be a pure function of what is equal on all ranks.
  [[nodiscard]] virtual bool Supports(CollectiveContext& context,
                                      const AllreduceArguments& arguments) const = 0;
  /// Predicted microseconds; pure function of what is equal on all ranks.
  [[nodiscard]] virtual double Cost(CollectiveContext& context,
                                    const AllreduceArguments& arguments) const = 0;
  /// True when an element's order of additions depends on its position in the buffer, so that
  /// fusing tensors differently changes bits.
  [[nodiscard]] virtual bool order_depends_on_offset() const = 0;
  /// Errors: kTimeout, kAborted; `output` is then undefined.
  virtual Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const = 0;
};

/// Every algorithm of this build, in the order of the CMake list, which is the registry.
[[nodiscard]] std::span<const AllreduceAlgorithm* const> AllreduceAlgorithms();

}  // namespace ronde
