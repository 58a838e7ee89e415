#include <algorithm>
#include <array>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/tree_fold.h"
#include "collectives/cost_model.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

/// Recursive doubling: in round k, partners 2^k apart exchange and combine all they have. When p is
/// not a power of two, f levels of a binomial tree come first, each halving the ranks that go on
/// (rounded up), until 2^d are left; their result returns down the same levels.
/// Cost:   (f + d) (alpha + n beta + n gamma) + f (alpha + n beta); f = 0, d = log2 p for p = 2^k,
///         else f + d = ceil(log2 p) with the least f for which ceil(p / 2^f) is a power of two
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch `count` elements.
/// Order:  a binary tree over the ranks level by level (kTree), the same for every element: offsets
///         do not matter and all ranks get the same bits. 16-bit types round at every level.
/// Errors: kTimeout if a peer misses the deadline, kAborted; `output` is then undefined.
/// Source: Thakur, Rabenseifner, Gropp, Int. J. High Perform. Comput. Appl. 19(1), 2005; its fold
///         for p != 2^k pairs the first ranks only, which is not a tree.
class RecursiveDoubling final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "recursive_doubling"; }
  bool Supports(CollectiveContext&, const AllreduceArguments&) const override { return true; }

  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    const double move_us = link.alpha_us + bytes * link.beta_us;
    const int ranks = context.size();
    const int stride = FoldStride(ranks);
    const int left = (ranks + stride - 1) / stride;
    const double messages = FoldMessages(ranks) + left * CeilLog2(left);
    return std::max(
        CeilLog2(ranks) * (move_us + bytes * link.gamma_us) + CeilLog2(stride) * move_us,
        TurnsUs(context, messages / ranks));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

// One call's state: what is combined so far lies in `output`, a partner's part in `scratch`.
class Exchange {
 public:
  Exchange(CollectiveContext& context, const AllreduceArguments& arguments)
      : transport_(context.transport()),
        arguments_(arguments),
        output_(static_cast<std::byte*>(arguments.output), SizeBytes(arguments)),
        scratch_(context.Scratch(output_.size()), output_.size()),
        deadline_(context.NewDeadline()) {}

  Status Send(int peer) { return transport_.Send(peer, kAllreduceTag, output_, deadline_); }
  Status ReceiveResult(int peer) {
    return transport_.Receive(peer, kAllreduceTag, output_, deadline_);
  }
  Status ReceiveAndCombine(int peer) {
    RONDE_RETURN_IF_ERROR(transport_.Receive(peer, kAllreduceTag, scratch_, deadline_));
    Combine(peer);
    return Status::Ok();
  }
  Status SwapAndCombine(int peer) {
    RONDE_RETURN_IF_ERROR(
        transport_.SendReceive(peer, output_, peer, scratch_, kAllreduceTag, deadline_));
    Combine(peer);
    return Status::Ok();
  }

 private:
  // The lower rank's operand comes first on both sides, so that even NaN payloads agree.
  void Combine(int peer) {
    const void* own = output_.data();
    const void* other = scratch_.data();
    const std::array<const void*, 2> inputs = {peer < transport_.rank() ? other : own,
                                               peer < transport_.rank() ? own : other};
    Reduce(arguments_.op, arguments_.dtype, inputs, arguments_.output, arguments_.count);
  }

  Transport& transport_;
  const AllreduceArguments& arguments_;
  std::span<std::byte> output_;
  std::span<std::byte> scratch_;
  Deadline deadline_;
};

Status RecursiveDoubling::Run(CollectiveContext& context,
                              const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  const int ranks = context.size();
  const int rank = context.rank();
  if (ranks == 1) ReduceAlone(arguments);
  if (ranks == 1 || arguments.count == 0) return Status::Ok();

  const Scaling scaling = ScalingFor(arguments, ranks);
  Scale(arguments.dtype, arguments.input, arguments.output, arguments.count, scaling.prescale);
  Exchange exchange(context, arguments);

  // Up the tree, as far as this rank is a left neighbour; at `level` its parent is to the left.
  const int stride = FoldStride(ranks);
  int level = 1;
  for (; level < stride && rank % (2 * level) == 0; level *= 2) {
    if (rank + level < ranks) RONDE_RETURN_IF_ERROR(exchange.ReceiveAndCombine(rank + level));
  }
  if (level < stride) {
    RONDE_RETURN_IF_ERROR(exchange.Send(rank - level));
    RONDE_RETURN_IF_ERROR(exchange.ReceiveResult(rank - level));
  } else {
    for (int distance = stride; distance < ranks; distance *= 2) {
      RONDE_RETURN_IF_ERROR(exchange.SwapAndCombine(rank ^ distance));
    }
    FinishResult(arguments, arguments.output, arguments.count, scaling);
  }
  // Down again: the result.
  while ((level /= 2) > 0) {
    if (rank + level < ranks) RONDE_RETURN_IF_ERROR(exchange.Send(rank + level));
  }
  return Status::Ok();
}

}  // namespace

const AllreduceAlgorithm& RecursiveDoublingAllreduce() {
  static const RecursiveDoubling algorithm;
  return algorithm;
}

}  // namespace ronde
