#include <cstring>
#include <vector>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/local_side.h"
#include "collectives/allreduce/pieces.h"
#include "collectives/reduce_kernels.h"
#include "collectives/shared/shared_channel.h"

namespace ronde {
namespace {

// Through the slots of the host's channel, one step a round. In a slot, place k holds what its
// owner has of carrier k's shard of one chunk, and the place behind the last the owner's result of
// an earlier chunk. A carrier's own input is read where it lies.
class SlotsSide final : public LocalSide {
 public:
  SlotsSide(CollectiveContext& context, const AllreduceArguments& arguments,
            const HierarchicalPlan& plan)
      : context_(context),
        channel_(*context.local_context().shared_channel()),
        arguments_(arguments),
        layout_(plan, SizeBytes(arguments)),
        pieces_(arguments),
        carriers_(plan.carriers),
        place_bytes_(plan.shard_bytes),
        inputs_(static_cast<std::size_t>(channel_.size())) {}

  Status Round(std::size_t in, Lane* in_lane, std::size_t out, const Lane* out_lane) override {
    if (in_lane == nullptr && out_lane == nullptr) return Status::Ok();
    if (in_lane != nullptr) ShowInputs(in);
    if (out_lane != nullptr && carries()) ShowResult(layout_.of(out, rank()), *out_lane);
    RONDE_RETURN_IF_ERROR(channel_.Step(context_.local_context().NewDeadline()));
    if (in_lane != nullptr) MakePartial(in, *in_lane);
    if (out_lane != nullptr) TakeResults(out, *out_lane);
    return Status::Ok();
  }

 private:
  [[nodiscard]] int rank() const { return channel_.rank(); }
  [[nodiscard]] bool carries() const { return rank() < carriers_; }
  [[nodiscard]] std::size_t place(int carrier) const {
    return static_cast<std::size_t>(carrier) * place_bytes_;
  }

  void ShowInputs(std::size_t chunk) {
    for (int carrier = 0; carrier < carriers_; ++carrier) {
      if (carrier == rank()) continue;
      const ByteRange range = layout_.of(chunk, carrier);
      pieces_.Gather(range.begin, range.size(), channel_.next_slot() + place(carrier));
      context_.AddSharedBytes(range.size());
    }
  }
  void ShowResult(const ByteRange& range, const Lane& lane) {
    if (range.size() == 0) return;
    std::memcpy(channel_.next_slot() + place(carriers_), lane.result, range.size());
    context_.AddSharedBytes(range.size());
  }

  void MakePartial(std::size_t chunk, Lane& lane) {
    lane.count = 0;
    lane.partial = lane.result = lane.own;
    if (!carries()) return;
    const ByteRange range = layout_.of(chunk, rank());
    lane.count = static_cast<std::int64_t>(range.size() / SizeOf(arguments_.dtype));
    // What lies between pieces travels too.
    if (!arguments_.pieces.empty()) std::memset(lane.own, 0, range.size());
    pieces_.ForEach(range.begin, range.size(),
                    [&](const std::byte* input, std::byte*, std::size_t at, std::size_t size) {
                      for (int peer = 0; peer < channel_.size(); ++peer) {
                        inputs_[static_cast<std::size_t>(peer)] =
                            peer == rank() ? input : channel_.slot(peer) + place(rank()) + at;
                      }
                      Reduce(arguments_.op, arguments_.dtype, inputs_, lane.own + at,
                             static_cast<std::int64_t>(size / SizeOf(arguments_.dtype)),
                             {.prescale = arguments_.prescale});
                    });
  }

  void TakeResults(std::size_t chunk, const Lane& lane) {
    for (int carrier = 0; carrier < carriers_; ++carrier) {
      const ByteRange range = layout_.of(chunk, carrier);
      const std::byte* const result =
          carrier == rank() ? lane.result : channel_.slot(carrier) + place(carriers_);
      pieces_.Scatter(range.begin, range.size(), result, /*streams=*/false);
    }
  }

  CollectiveContext& context_;
  SharedChannel& channel_;
  const AllreduceArguments& arguments_;
  ShardLayout layout_;
  Pieces pieces_;
  int carriers_;
  std::size_t place_bytes_;
  std::vector<const void*> inputs_;  // by local rank
};

}  // namespace

std::unique_ptr<LocalSide> MakeSlotsSide(CollectiveContext& context,
                                         const AllreduceArguments& arguments,
                                         const HierarchicalPlan& plan) {
  return std::make_unique<SlotsSide>(context, arguments, plan);
}

}  // namespace ronde
