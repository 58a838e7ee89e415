#include <algorithm>
#include <array>
#include <span>

#include "collectives/allreduce/blocks.h"
#include "collectives/allreduce/common.h"
#include "collectives/allreduce/reducing_swap.h"
#include "collectives/cost_model.h"
#include "collectives/shared/segments.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

/// Ring allreduce: reduce-scatter, then allgather; p-1 steps each. Blocks travel in segments, each
/// of which goes on as soon as it is reduced.
/// Cost:   2(p-1) alpha + 2n(p-1)/p beta + (p-1) min(n/p, c) gamma
///         (n bytes, p ranks, segments of c; on one host n(p-1)/p gamma)
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch min(n/p, 4c) bytes.
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
    return std::max(
        steps * (2 * link.alpha_us + block * link.beta_us + ReceiveAndReduceUs(context, block)),
        TurnsUs(context, 2 * steps));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kOffsetDependent; }
};

// One call's state. A rank's work is a row of items, one for each segment of each step: it sends
// item i to the right and receives item i from the left. From the second step on, what leaves as
// item i is what came as item i - segments_, reduced or complete.
class RingExchange {
 public:
  RingExchange(CollectiveContext& context, const AllreduceArguments& arguments)
      : transport_(context.transport()),
        arguments_(arguments),
        ranks_(context.size()),
        rank_(context.rank()),
        blocks_(arguments, ranks_),
        scaling_(ScalingFor(arguments, ranks_)),
        input_(static_cast<const std::byte*>(arguments.input)),
        output_(static_cast<std::byte*>(arguments.output)),
        slot_bytes_(std::min(SegmentBytes(context), blocks_.largest_bytes())),
        segments_(Segments(blocks_.largest_bytes(), slot_bytes_).count()),
        in_flight_(std::min(kSegmentsInFlight, segments_)),
        slots_(context.Scratch(in_flight_ * slot_bytes_)),
        deadline_(context.NewDeadline()) {
    // Without a prescale, inputs are read where they are: no pass over memory for a copy.
    if (scaling_.prescale == 1) return;
    Scale(arguments.dtype, input_, output_, arguments.count, scaling_.prescale);
    input_ = output_;
  }

  Status Run() {
    const std::size_t reductions = Steps() * segments_;
    const std::size_t items = 2 * reductions;
    TransferQueue sends(deadline_);
    TransferQueue receives(deadline_);
    std::size_t started = 0;
    for (std::size_t item = 0; item < items; ++item) {
      for (; started < std::min(items, item + in_flight_); ++started) {
        // What is sent `in_flight_` items later has to leave first, so no send is under way in what
        // a complete block is received into: that left at least segments_ items ago.
        RONDE_RETURN_IF_ERROR(sends.FinishAllBut(in_flight_ - 1));
        RONDE_RETURN_IF_ERROR(
            receives.Add(transport_.StartReceive(Left(), kAllreduceTag, Incoming(started))));
        RONDE_RETURN_IF_ERROR(
            sends.Add(transport_.StartSend(Right(), kAllreduceTag, Outgoing(started))));
      }
      RONDE_RETURN_IF_ERROR(receives.FinishAllBut(started - item - 1));
      if (item < reductions) Combine(item);
    }
    return sends.FinishAllBut(0);
  }

 private:
  [[nodiscard]] std::size_t Steps() const { return static_cast<std::size_t>(ranks_ - 1); }
  [[nodiscard]] int Left() const { return (rank_ + ranks_ - 1) % ranks_; }
  [[nodiscard]] int Right() const { return (rank_ + 1) % ranks_; }
  // Steps 0 .. p-2 reduce, p-1 .. 2p-3 gather.
  [[nodiscard]] int StepOf(std::size_t item) const { return static_cast<int>(item / segments_); }
  [[nodiscard]] bool Gathers(std::size_t item) const { return StepOf(item) >= ranks_ - 1; }

  // The item's segment of the block that leaves this rank `steps` steps after its own.
  template <typename Byte>
  std::span<Byte> Part(Byte* buffer, int steps, std::size_t item) const {
    const int block = blocks_.behind(rank_, steps);
    const Segments segments(blocks_.size_bytes(block), slot_bytes_);
    return segments.of(blocks_.of(buffer, block), item % segments_);
  }

  [[nodiscard]] std::span<const std::byte> Outgoing(std::size_t item) const {
    const int step = StepOf(item);
    return step == 0 ? Part(input_, 0, item) : Part<const std::byte>(output_, step, item);
  }
  [[nodiscard]] std::span<std::byte> Incoming(std::size_t item) const {
    const std::span<std::byte> place = Part(output_, StepOf(item) + 1, item);
    return Gathers(item) ? place
                         : std::span(slots_ + item % in_flight_ * slot_bytes_, place.size());
  }

  // The partial sum that has come, and this rank's part.
  void Combine(std::size_t item) {
    const int steps = StepOf(item) + 1;
    const std::span<std::byte> result = Part(output_, steps, item);
    const std::array<const void*, 2> operands = {Incoming(item).data(),
                                                 Part(input_, steps, item).data()};
    const bool complete = steps == ranks_ - 1;
    Reduce(arguments_.op, arguments_.dtype, operands, result.data(),
           static_cast<std::int64_t>(result.size() / SizeOf(arguments_.dtype)),
           complete ? ResultPart(scaling_) : Scaling{});
  }

  Transport& transport_;
  const AllreduceArguments& arguments_;
  int ranks_;
  int rank_;
  RankBlocks blocks_;
  Scaling scaling_;
  const std::byte* input_;
  std::byte* output_;
  std::size_t slot_bytes_;
  std::size_t segments_;
  std::size_t in_flight_;
  std::byte* slots_;
  Deadline deadline_;
};

Status Ring::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (context.size() == 1) ReduceAlone(arguments);
  if (context.size() == 1 || arguments.count == 0) return Status::Ok();
  return RingExchange(context, arguments).Run();
}

}  // namespace

const AllreduceAlgorithm& RingAllreduce() {
  static const Ring algorithm;
  return algorithm;
}

}  // namespace ronde
