#include <algorithm>
#include <span>
#include <vector>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/reducing_swap.h"
#include "collectives/allreduce/tree_fold.h"
#include "collectives/cost_model.h"
#include "collectives/shared/segments.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

// Between four hosts at 1 Gb/s 1 MiB took what the wire does, 4 MiB 1.35 times that: partners that
// swap more than their sockets hold fall out of step.
constexpr double kLargestMessage = 512 << 10;
constexpr double kLargeMessageShare = 0.7;

/// Recursive halving, then recursive doubling: in round k of the reduce-scatter, partners 2^k apart
/// swap halves of what they still have and add; the allgather goes back the same way. When p is not
/// a power of two, f levels of a binomial tree come first and last, with all n bytes.
/// Cost:   2d alpha + 2n(q-1)/q beta + d min(n/q, c) gamma + f (2 alpha + 2n beta + min(n, c)
/// gamma)
///         (n bytes, segments of c; q = 2^d = ceil(p / 2^f) ranks are left, with the least f)
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch 4 min(n, c) bytes.
/// Order:  neighbours swap first, so it is a binary tree over the ranks (kTree), the same for every
///         element: offsets do not matter. 16-bit types round at every level.
/// Errors: kTimeout if a peer misses the deadline, kAborted; `output` is then undefined.
/// Source: Rabenseifner, Optimization of Collective Reduction Operations, ICCS 2004; halves the
///         longest distance first, which is not a tree over neighbours.
class HalvingDoubling final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "halving_doubling"; }
  bool Supports(CollectiveContext&, const AllreduceArguments&) const override { return true; }

  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    const int ranks = context.size();
    const int stride = FoldStride(ranks);
    const int left = (ranks + stride - 1) / stride;
    const double messages = FoldMessages(ranks) + 2 * left * CeilLog2(left);
    double cost = 0;
    for (int part = 2; part <= left; part *= 2) {
      const double half = bytes / part;
      const double rate = half > kLargestMessage ? kLargeMessageShare : 1;
      cost += 2 * link.alpha_us + (half * link.beta_us + ReceiveAndReduceUs(context, half)) / rate;
    }
    const double fold =
        2 * link.alpha_us + bytes * link.beta_us + ReceiveAndReduceUs(context, bytes);
    return std::max(cost + CeilLog2(stride) * fold, TurnsUs(context, messages / ranks));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

// One call's state: what this rank has combined so far begins at `current_`.
class Halving {
 public:
  Halving(CollectiveContext& context, const AllreduceArguments& arguments)
      : context_(context),
        transport_(context.transport()),
        arguments_(arguments),
        element_bytes_(SizeOf(arguments.dtype)),
        current_(static_cast<const std::byte*>(arguments.input)),
        output_(static_cast<std::byte*>(arguments.output)),
        scaling_(ScalingFor(arguments, context.size())),
        deadline_(context.NewDeadline()) {
    // Without a prescale, inputs are read where they are: no pass over memory for a copy.
    if (scaling_.prescale == 1) return;
    Scale(arguments.dtype, current_, output_, arguments.count, scaling_.prescale);
    current_ = output_;
  }

  Status Run() {
    const int ranks = context_.size();
    const int rank = context_.rank();
    const int stride = FoldStride(ranks);
    const Range all = {0, arguments_.count};
    // Up the tree, as far as this rank is a left neighbour; at `level` its parent is to the left.
    int level = 1;
    for (; level < stride && rank % (2 * level) == 0; level *= 2) {
      if (rank + level < ranks) RONDE_RETURN_IF_ERROR(Swap(rank + level, {}, all, {}));
    }
    if (level < stride) {
      RONDE_RETURN_IF_ERROR(Swap(rank - level, all, {}, {}));
      RONDE_RETURN_IF_ERROR(
          transport_.Receive(rank - level, kAllreduceResultTag, Of(all), deadline_));
    } else {
      RONDE_RETURN_IF_ERROR(HalveAndDouble(rank, stride, ranks));
    }
    // Down again: the result.
    while ((level /= 2) > 0) {
      if (rank + level >= ranks) continue;
      RONDE_RETURN_IF_ERROR(transport_.Send(rank + level, kAllreduceResultTag, Of(all), deadline_));
    }
    return Status::Ok();
  }

 private:
  // Elements.
  struct Range {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  [[nodiscard]] std::size_t At(std::int64_t element) const {
    return static_cast<std::size_t>(element) * element_bytes_;
  }
  [[nodiscard]] std::span<std::byte> Of(const Range& range) const {
    return {output_ + At(range.begin), At(range.end - range.begin)};
  }

  // Sends `outgoing` and combines the peer's `kept` with this rank's, into the output.
  Status Swap(int peer, const Range& outgoing, const Range& kept, const Scaling& scaling) {
    const ReducingSwap swap = {
        .peer = peer,
        .outgoing = {current_ + At(outgoing.begin), At(outgoing.end - outgoing.begin)},
        .own = current_ + At(kept.begin),
        .result = Of(kept)};
    RONDE_RETURN_IF_ERROR(SwapAndReduce(context_, arguments_, swap, scaling));
    current_ = output_;
    return Status::Ok();
  }

  Status HalveAndDouble(int rank, int stride, int ranks) {
    Range kept = {0, arguments_.count};
    std::vector<Range> given;  // by round: what the partner then has
    for (int distance = stride; distance < ranks; distance *= 2) {
      const bool is_last = 2 * distance >= ranks;
      const bool keeps_lower = (rank & distance) == 0;
      const std::int64_t middle = kept.begin + (kept.end - kept.begin) / 2;
      given.push_back(keeps_lower ? Range{middle, kept.end} : Range{kept.begin, middle});
      kept = keeps_lower ? Range{kept.begin, middle} : Range{middle, kept.end};
      RONDE_RETURN_IF_ERROR(
          Swap(rank ^ distance, given.back(), kept, is_last ? ResultPart(scaling_) : Scaling{}));
    }
    for (int distance = stride << (given.size() - 1); distance >= stride; distance /= 2) {
      const int peer = rank ^ distance;
      RONDE_RETURN_IF_ERROR(ExchangeInSegments(context_, peer, Of(kept), peer, Of(given.back()),
                                               kAllreduceResultTag, deadline_));
      kept = {std::min(kept.begin, given.back().begin), std::max(kept.end, given.back().end)};
      given.pop_back();
    }
    return Status::Ok();
  }

  CollectiveContext& context_;
  Transport& transport_;
  const AllreduceArguments& arguments_;
  std::size_t element_bytes_;
  const std::byte* current_;
  std::byte* output_;
  Scaling scaling_;
  Deadline deadline_;
};

Status HalvingDoubling::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (context.size() == 1) ReduceAlone(arguments);
  if (context.size() == 1 || arguments.count == 0) return Status::Ok();
  return Halving(context, arguments).Run();
}

}  // namespace

const AllreduceAlgorithm& HalvingDoublingAllreduce() {
  static const HalvingDoubling algorithm;
  return algorithm;
}

}  // namespace ronde
