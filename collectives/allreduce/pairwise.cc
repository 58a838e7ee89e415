#include "collectives/allreduce/common.h"
#include "collectives/allreduce/reducing_swap.h"
#include "collectives/cost_model.h"

namespace ronde {
namespace {

/// Pairwise exchange of two ranks: both send all they have, and both add.
/// Cost:   alpha + n beta + min(n, c) gamma   (n bytes in segments of c, on one host n gamma)
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch 4 min(n, c) bytes.
/// Order:  that of the ranks, which for two is a binary tree (kTree); 16-bit types round once.
/// Errors: kTimeout if the peer misses the deadline, kAborted; `output` is then undefined.
/// Source: one round of recursive doubling as in Thakur, Rabenseifner, Gropp, Int. J. High Perform.
///         Comput. Appl. 19(1), 2005, pipelined.
class Pairwise final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "pairwise"; }
  bool Supports(CollectiveContext& context, const AllreduceArguments&) const override {
    return context.size() == 2;
  }
  std::string_view Needs() const override { return "two ranks"; }

  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    return BoundingLink(context).alpha_us +
           ReceiveAndReduceUs(context, static_cast<double>(SizeBytes(arguments)));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
    const auto* const input = static_cast<const std::byte*>(arguments.input);
    const std::size_t size_bytes = SizeBytes(arguments);
    const ReducingSwap swap = {.peer = 1 - context.rank(),
                               .outgoing = {input, size_bytes},
                               .own = input,
                               .result = {static_cast<std::byte*>(arguments.output), size_bytes}};
    return SwapAndReduce(context, arguments, swap, ScalingFor(arguments, 2));
  }

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

}  // namespace

const AllreduceAlgorithm& PairwiseAllreduce() {
  static const Pairwise algorithm;
  return algorithm;
}

}  // namespace ronde
