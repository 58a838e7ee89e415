#include <algorithm>
#include <array>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

/// Ring allreduce: reduce-scatter, then allgather; p-1 steps each.
/// Cost:   2(p-1) alpha + 2n(p-1)/p beta + n(p-1)/p gamma   (n bytes, p ranks)
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch ceil(count/p) elements.
/// Order:  around the ring from a start that depends on the block: offsets change bits; all ranks
///         get the same. 16-bit types round at every step.
/// Errors: kTimeout if a peer misses the deadline, kAborted; `output` is then undefined.
/// Source: Patarasuk & Yuan, J. Parallel Distrib. Comput. 69(2), 2009.
class Ring final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "ring"; }
  bool Supports(CollectiveContext&, const AllreduceArguments&) const override { return true; }

  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const double steps = context.size() - 1;
    const double block = static_cast<double>(SizeBytes(arguments)) / context.size();
    return steps * (2 * link.alpha_us + block * (2 * link.beta_us + link.gamma_us));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kOffsetDependent; }
};

// The p blocks of a buffer: the first count % p are one element longer; any may be empty.
class Blocks {
 public:
  Blocks(const AllreduceArguments& arguments, int ranks)
      : arguments_(arguments), ranks_(ranks), element_bytes_(SizeOf(arguments.dtype)) {}

  std::int64_t count(int block) const {
    return arguments_.count / ranks_ + (block < arguments_.count % ranks_ ? 1 : 0);
  }
  std::size_t size_bytes(int block) const {
    return static_cast<std::size_t>(count(block)) * element_bytes_;
  }
  template <typename Byte>
  std::span<Byte> of(Byte* buffer, int block) const {
    const std::int64_t begin = arguments_.count / ranks_ * block +
                               std::min<std::int64_t>(block, arguments_.count % ranks_);
    return {buffer + static_cast<std::size_t>(begin) * element_bytes_, size_bytes(block)};
  }
  // The block that is `steps` behind `block` on the ring.
  int behind(int block, int steps) const { return (block - steps % ranks_ + ranks_) % ranks_; }

 private:
  const AllreduceArguments& arguments_;
  int ranks_;
  std::size_t element_bytes_;
};

Status Ring::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  const int ranks = context.size();
  const int rank = context.rank();
  if (ranks == 1) ReduceAlone(arguments);
  if (ranks == 1 || arguments.count == 0) return Status::Ok();

  const Scaling scaling = ScalingFor(arguments, ranks);
  const Deadline deadline = context.NewDeadline();
  Transport& transport = context.transport();
  const int left = (rank + ranks - 1) % ranks;
  const int right = (rank + 1) % ranks;
  const Blocks blocks(arguments, ranks);
  std::byte* const output = static_cast<std::byte*>(arguments.output);
  std::byte* const scratch = context.Scratch(blocks.size_bytes(0));
  // Without a prescale, inputs are read where they are: no pass over memory for a copy.
  const auto* input = static_cast<const std::byte*>(arguments.input);
  if (scaling.prescale != 1) {
    Scale(arguments.dtype, input, output, arguments.count, scaling.prescale);
    input = output;
  }

  // Reduce-scatter: the partial sum of a block travels right, and each rank adds its own part.
  for (int step = 0; step < ranks - 1; ++step) {
    const int outgoing = blocks.behind(rank, step);
    const int incoming = blocks.behind(rank, step + 1);
    const std::span<const std::byte> partial =
        step == 0 ? blocks.of(input, outgoing)
                  : std::span<const std::byte>(blocks.of(output, outgoing));
    RONDE_RETURN_IF_ERROR(transport.SendReceive(
        right, partial, left, {scratch, blocks.size_bytes(incoming)}, kAllreduceTag, deadline));
    const std::array<const void*, 2> operands = {scratch, blocks.of(input, incoming).data()};
    const bool complete = step == ranks - 2;
    Reduce(arguments.op, arguments.dtype, operands, blocks.of(output, incoming).data(),
           blocks.count(incoming), complete ? ResultPart(scaling) : Scaling{});
  }
  // Allgather: complete blocks travel right.
  for (int step = 0; step < ranks - 1; ++step) {
    RONDE_RETURN_IF_ERROR(transport.SendReceive(
        right, blocks.of(output, blocks.behind(rank + 1, step)), left,
        blocks.of(output, blocks.behind(rank, step)), kAllreduceTag, deadline));
  }
  return Status::Ok();
}

}  // namespace

const AllreduceAlgorithm& RingAllreduce() {
  static const Ring algorithm;
  return algorithm;
}

}  // namespace ronde
