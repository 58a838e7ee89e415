#include "collectives/allreduce/reducing_swap.h"

#include <algorithm>
#include <array>
#include <utility>

#include "collectives/cost_model.h"
#include "collectives/shared/segments.h"
#include "collectives/tags.h"

namespace ronde {
namespace {

// One exchange's state.
class Exchange {
 public:
  Exchange(CollectiveContext& context, const AllreduceArguments& arguments,
           const ReducingSwap& swap, const Scaling& scaling)
      : transport_(context.transport()),
        arguments_(arguments),
        swap_(swap),
        scaling_(scaling),
        deadline_(context.NewDeadline()),
        slot_bytes_(
            std::min(SegmentBytes(context), std::max(swap.outgoing.size(), swap.result.size()))),
        slots_(context.Scratch(slot_bytes_ * kSegmentsInFlight)) {}

  // A single segment needs no transfer that outlives a call.
  Status RunAtOnce() {
    const std::span<std::byte> incoming(slots_, swap_.result.size());
    RONDE_RETURN_IF_ERROR(transport_.SendReceive(swap_.peer, swap_.outgoing, swap_.peer, incoming,
                                                 kAllreduceTag, deadline_));
    Combine(0, incoming);
    return Status::Ok();
  }

  Status Run() {
    const Segments outgoing(swap_.outgoing.size(), slot_bytes_);
    const Segments incoming(swap_.result.size(), slot_bytes_);
    const std::size_t count = std::max(outgoing.count(), incoming.count());
    if (count <= 1) return count == 0 ? Status::Ok() : RunAtOnce();
    TransferQueue sends(deadline_);
    TransferQueue receives(deadline_);
    std::size_t started = 0;
    for (std::size_t segment = 0; segment < count; ++segment) {
      for (; started < std::min(count, segment + kSegmentsInFlight); ++started) {
        RONDE_RETURN_IF_ERROR(receives.Add(
            transport_.StartReceive(swap_.peer, kAllreduceTag, SlotOf(started, incoming))));
        RONDE_RETURN_IF_ERROR(sends.Add(
            transport_.StartSend(swap_.peer, kAllreduceTag, outgoing.of(swap_.outgoing, started))));
      }
      const std::size_t later = started - segment - 1;
      RONDE_RETURN_IF_ERROR(receives.FinishAllBut(later));
      // In place, the result takes the place of what leaves.
      RONDE_RETURN_IF_ERROR(sends.FinishAllBut(later));
      Combine(incoming.begin(segment), SlotOf(segment, incoming));
    }
    return Status::Ok();
  }

 private:
  std::span<std::byte> SlotOf(std::size_t segment, const Segments& incoming) const {
    return {slots_ + segment % kSegmentsInFlight * slot_bytes_, incoming.size(segment)};
  }

  void Combine(std::size_t begin, std::span<const std::byte> received) {
    const void* own = swap_.own + begin;
    const void* other = received.data();
    if (swap_.peer < transport_.rank()) std::swap(own, other);
    Reduce(arguments_.op, arguments_.dtype, std::array{own, other}, swap_.result.data() + begin,
           static_cast<std::int64_t>(received.size() / SizeOf(arguments_.dtype)), scaling_);
  }

  Transport& transport_;
  const AllreduceArguments& arguments_;
  const ReducingSwap& swap_;
  const Scaling& scaling_;
  Deadline deadline_;
  std::size_t slot_bytes_;
  std::byte* slots_;
};

}  // namespace

Status SwapAndReduce(CollectiveContext& context, const AllreduceArguments& arguments,
                     const ReducingSwap& swap, const Scaling& scaling) {
  if (swap.outgoing.empty() && swap.result.empty()) return Status::Ok();
  return Exchange(context, arguments, swap, scaling).Run();
}

double ReceiveAndReduceUs(CollectiveContext& context, double bytes) {
  const LinkCost& link = BoundingLink(context);
  const bool overlaps = !context.communicator().single_host();
  const double alone =
      overlaps ? std::min(bytes, static_cast<double>(SegmentBytes(context))) : bytes;
  return bytes * std::max(link.beta_us, link.gamma_us) +
         alone * std::min(link.beta_us, link.gamma_us);
}

}  // namespace ronde
