#include <array>
#include <bit>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

/// Recursive doubling: in round k, partners 2^k apart exchange and combine all they have. When p is
/// not a power of two, the first 2(p - 2^floor(log2 p)) ranks pair up before and after.
/// Cost:   ceil(log2 p) (alpha + n beta + n gamma), and twice alpha + n beta for p != 2^k
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch `count` elements.
/// Order:  a binary tree over the ranks, the same for every element and on all ranks: offsets do
///         not matter and all ranks get the same bits. 16-bit types round at every level.
/// Errors: kTimeout if a peer misses the deadline, kAborted; `output` is then undefined.
/// Source: Thakur, Rabenseifner, Gropp, Int. J. High Perform. Comput. Appl. 19(1), 2005.
class RecursiveDoubling final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "recursive_doubling"; }
  bool Supports(CollectiveContext&, const AllreduceArguments&) const override { return true; }
  bool order_depends_on_offset() const override { return false; }

  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    const bool folds = !std::has_single_bit(static_cast<unsigned>(context.size()));
    const double rounds = CeilLog2(context.size()) + (folds ? 1 : 0);
    return rounds * (link.alpha_us + bytes * (link.beta_us + link.gamma_us));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;
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

  // Fold: of the first 2*extra ranks, the even ones hand their data to their right neighbour.
  const int core = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks)));
  const int extra = ranks - core;
  const bool folded = rank < 2 * extra;
  if (folded && rank % 2 == 0) {
    RONDE_RETURN_IF_ERROR(exchange.Send(rank + 1));
    return exchange.ReceiveResult(rank + 1);
  }
  if (folded) RONDE_RETURN_IF_ERROR(exchange.ReceiveAndCombine(rank - 1));

  const int position = folded ? rank / 2 : rank - extra;  // among the `core` that remain
  for (int distance = 1; distance < core; distance *= 2) {
    const int partner = position ^ distance;
    const int peer = partner < extra ? 2 * partner + 1 : partner + extra;
    RONDE_RETURN_IF_ERROR(exchange.SwapAndCombine(peer));
  }
  FinishResult(arguments, arguments.output, arguments.count, scaling);
  return folded ? exchange.Send(rank - 1) : Status::Ok();
}

}  // namespace

const AllreduceAlgorithm& RecursiveDoublingAllreduce() {
  static const RecursiveDoubling algorithm;
  return algorithm;
}

}  // namespace ronde
