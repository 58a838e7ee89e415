#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// One tensor of several that are reduced as if they lay behind one another.
struct AllreducePiece {
  const void* input = nullptr;  ///< may equal output
  void* output = nullptr;
  std::size_t begin = 0;  ///< where it lies among them, in bytes: a multiple of 64
  std::size_t size_bytes = 0;
};

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
  /// Where input and output lie, if that is the same place on all ranks.
  MemoryPlace input_place = {};
  MemoryPlace output_place = {};
  /// Not empty: in place of input and output, for algorithms that take it. In ascending order, of
  /// equal sizes on all ranks, without overlap; `count` spans all of it, and what lies between two
  /// pieces is undefined.
  std::span<const AllreducePiece> pieces = {};
};

/// What an element's order of additions depends on, from the loosest promise to the strictest.
enum class ReductionOrder {
  /// Its position in the buffer: fusing tensors differently changes bits.
  kOffsetDependent,
  /// Only the number of ranks.
  kFixed,
  /// A binary tree over the ranks, level by level: neighbours (0+1), (2+3), ..., then neighbouring
  /// pairs; what has no neighbour waits for the next level, as in ((01)(23))((45)6). So 2^k ranks
  /// from a multiple of 2^k on have the same partial sum whatever the number of ranks. Types of 32
  /// and 64 bits get its bits; where 16-bit types round in between is the algorithm's affair.
  kTree,
};

/// An allreduce algorithm: stateless, chosen by the Selector, blocking, reads top to bottom.
class AllreduceAlgorithm {
 public:
  virtual ~AllreduceAlgorithm() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Whether it computes this operator at all: to be asked before Supports.
  [[nodiscard]] virtual bool Reduces(ReduceOp op) const { return IsElementwise(op); }
  /// Whether it can run here. Must be a pure function of what is equal on all ranks.
  [[nodiscard]] virtual bool Supports(CollectiveContext& context,
                                      const AllreduceArguments& arguments) const = 0;
  /// What Supports asks for, in words.
  [[nodiscard]] virtual std::string_view Needs() const { return "an operator that it has"; }
  /// Whether Run takes AllreduceArguments::pieces.
  [[nodiscard]] virtual bool TakesPieces() const { return false; }
  /// Predicted microseconds; pure function of what is equal on all ranks.
  [[nodiscard]] virtual double Cost(CollectiveContext& context,
                                    const AllreduceArguments& arguments) const = 0;
  /// What it promises for this number of ranks. For one and two ranks every fixed order is a tree.
  [[nodiscard]] ReductionOrder order(int ranks) const {
    const ReductionOrder declared = DeclaredOrder();
    return declared == ReductionOrder::kFixed && ranks <= 2 ? ReductionOrder::kTree : declared;
  }
  /// The same for this group, on which it may also depend.
  [[nodiscard]] virtual ReductionOrder OrderIn(CollectiveContext& context) const {
    return order(context.size());
  }
  /// Whether OrderIn may be stricter than order(): then nothing is known before the hosts are.
  [[nodiscard]] virtual bool OrderDependsOnHosts() const { return false; }
  /// How the call would run, in words, where the name does not say all.
  [[nodiscard]] virtual std::string Parts(CollectiveContext& /*context*/,
                                          const AllreduceArguments& /*arguments*/) const {
    return "";
  }
  /// Errors: kTimeout, kAborted; `output` is then undefined.
  virtual Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const = 0;

 private:
  /// What it promises for every number of ranks.
  [[nodiscard]] virtual ReductionOrder DeclaredOrder() const = 0;
};

/// Every algorithm of this build, in the order of the CMake list, which is the registry.
[[nodiscard]] std::span<const AllreduceAlgorithm* const> AllreduceAlgorithms();

}  // namespace ronde
