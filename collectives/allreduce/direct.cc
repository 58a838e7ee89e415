#include <algorithm>
#include <span>

#include "collectives/allreduce/blocks.h"
#include "collectives/allreduce/common.h"
#include "collectives/allreduce/reducing_swap.h"
#include "collectives/cost_model.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/segments.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

// From more senders than this a switch's queue before one receiver overflows, and what is lost is
// sent again.
constexpr int kMostTogether = 16;
constexpr double kIncast = 2;

/// Direct exchange: every rank sends block j of its input straight to rank j, which adds all of
/// them and sends the result back to everyone.
/// Cost:   2(p-1) alpha + 2n(p-1)/p beta + min(n(p-1)/p, c) gamma
///         (n bytes, p ranks, segments of c), and for p > 16 twice the beta
/// Buffer: `input` (may be `output`) to `output`, `count` elements; scratch 4p min(n/p, c) bytes.
/// Order:  a binary tree over the ranks (kTree): one Reduce() of all inputs, so 16-bit types add in
///         float32 and round once. Offsets do not matter.
/// Errors: kTimeout if a peer misses the deadline, kAborted; `output` is then undefined.
/// Source: linear reduce-scatter and allgather, as in Chan et al., Concurr. Comput. Pract. Exper.
///         19(13), 2007.
class Direct final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "direct"; }
  bool Supports(CollectiveContext& context, const AllreduceArguments&) const override {
    return context.size() <= kMaxReduceInputs;
  }
  std::string_view Needs() const override { return "at most 1024 ranks"; }

  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const double ranks = context.size();
    const double bytes = static_cast<double>(SizeBytes(arguments)) * (ranks - 1) / ranks;
    const double messages = 2 * (ranks - 1);  // alpha is mostly system calls: not shared
    const double incast = context.size() > kMostTogether ? kIncast : 1;
    return std::max(messages * link.alpha_us + incast * bytes * link.beta_us +
                        (incast - 1) * bytes * link.beta_us + ReceiveAndReduceUs(context, bytes),
                    TurnsUs(context, messages));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

// One call's state. Inputs and results have a tag each, so that neither waits for the other's turn.
class DirectExchange {
 public:
  DirectExchange(CollectiveContext& context, const AllreduceArguments& arguments)
      : transport_(context.transport()),
        arguments_(arguments),
        blocks_(arguments, context.size()),
        scaling_(ScalingFor(arguments, context.size())),
        input_(static_cast<const std::byte*>(arguments.input)),
        output_(static_cast<std::byte*>(arguments.output)),
        slot_bytes_(std::min(SegmentBytes(context), LineUp(blocks_.largest_bytes()))),
        inputs_out_(context.NewDeadline()),
        inputs_in_(context.NewDeadline()),
        results_out_(context.NewDeadline()),
        results_in_(context.NewDeadline()) {
    const auto ranks = static_cast<std::size_t>(context.size());
    const std::size_t slots = kSegmentsInFlight * ranks * slot_bytes_;
    std::byte* const scratch = context.Scratch(slots + PointerScratch::SizeFor(ranks));
    slots_ = scratch;
    operands_ = PointerScratch(scratch + slots, ranks).operands;
  }

  Status Run() {
    const std::size_t count = Segments(blocks_.largest_bytes(), slot_bytes_).count();
    std::size_t started = 0;
    for (std::size_t segment = 0; segment < count; ++segment) {
      for (; started < std::min(count, segment + kSegmentsInFlight); ++started) {
        RONDE_RETURN_IF_ERROR(StartInputs(started));
      }
      const std::size_t later = (started - segment - 1) * Peers();
      RONDE_RETURN_IF_ERROR(inputs_in_.FinishAllBut(later));
      // In place, results take the place of inputs.
      RONDE_RETURN_IF_ERROR(inputs_out_.FinishAllBut(later));
      Combine(segment);
      RONDE_RETURN_IF_ERROR(StartResults(segment));
      RONDE_RETURN_IF_ERROR(results_out_.FinishAllBut(kSegmentsInFlight * Peers()));
    }
    RONDE_RETURN_IF_ERROR(results_in_.FinishAllBut(0));
    return results_out_.FinishAllBut(0);
  }

 private:
  static std::size_t LineUp(std::size_t size_bytes) { return (size_bytes + 63) / 64 * 64; }

  [[nodiscard]] std::size_t Peers() const {
    return static_cast<std::size_t>(transport_.size() - 1);
  }

  // A segment of a rank's block.
  template <typename Byte>
  std::span<Byte> Part(Byte* buffer, int rank, std::size_t segment) const {
    const Segments segments(blocks_.size_bytes(rank), slot_bytes_);
    return segments.of(blocks_.of(buffer, rank), segment);
  }
  // Where a peer's operand of the own block's segment arrives.
  std::span<std::byte> SlotOf(int peer, std::size_t segment) const {
    const std::size_t row =
        segment % kSegmentsInFlight * static_cast<std::size_t>(transport_.size());
    const std::size_t size =
        Segments(blocks_.size_bytes(transport_.rank()), slot_bytes_).size(segment);
    return {slots_ + (row + static_cast<std::size_t>(peer)) * slot_bytes_, size};
  }

  // Each rank begins with its neighbour, so that they do not all send to one.
  template <typename Visit>
  Status ForEachPeer(const Visit& visit) const {
    for (int distance = 1; distance < transport_.size(); ++distance) {
      RONDE_RETURN_IF_ERROR(visit((transport_.rank() + distance) % transport_.size()));
    }
    return Status::Ok();
  }

  Status StartInputs(std::size_t segment) {
    RONDE_RETURN_IF_ERROR(ForEachPeer([&](int peer) {
      return inputs_in_.Add(transport_.StartReceive(peer, kAllreduceTag, SlotOf(peer, segment)));
    }));
    return ForEachPeer([&](int peer) {
      return inputs_out_.Add(
          transport_.StartSend(peer, kAllreduceTag, Part(input_, peer, segment)));
    });
  }

  Status StartResults(std::size_t segment) {
    RONDE_RETURN_IF_ERROR(ForEachPeer([&](int peer) {
      return results_in_.Add(
          transport_.StartReceive(peer, kAllreduceResultTag, Part(output_, peer, segment)));
    }));
    const int rank = transport_.rank();
    return ForEachPeer([&](int peer) {
      return results_out_.Add(transport_.StartSend(peer, kAllreduceResultTag,
                                                   Part<const std::byte>(output_, rank, segment)));
    });
  }

  void Combine(std::size_t segment) {
    const int rank = transport_.rank();
    for (int peer = 0; peer < transport_.size(); ++peer) {
      operands_[static_cast<std::size_t>(peer)] = SlotOf(peer, segment).data();
    }
    operands_[static_cast<std::size_t>(rank)] = Part(input_, rank, segment).data();
    const std::span<std::byte> result = Part(output_, rank, segment);
    Reduce(arguments_.op, arguments_.dtype, operands_, result.data(),
           static_cast<std::int64_t>(result.size() / SizeOf(arguments_.dtype)), scaling_);
  }

  Transport& transport_;
  const AllreduceArguments& arguments_;
  RankBlocks blocks_;
  Scaling scaling_;
  const std::byte* input_;
  std::byte* output_;
  std::size_t slot_bytes_;
  std::byte* slots_ = nullptr;
  std::span<const void*> operands_;
  TransferQueue inputs_out_;
  TransferQueue inputs_in_;
  TransferQueue results_out_;
  TransferQueue results_in_;
};

Status Direct::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (context.size() == 1) ReduceAlone(arguments);
  if (context.size() == 1 || arguments.count == 0) return Status::Ok();
  return DirectExchange(context, arguments).Run();
}

}  // namespace

const AllreduceAlgorithm& DirectAllreduce() {
  static const Direct algorithm;
  return algorithm;
}

}  // namespace ronde
