#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/local_side.h"
#include "collectives/reduce_kernels.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"

namespace ronde {
namespace {

// Where input and output lie in registered memory: every rank reads its shard of all inputs, and
// writes results into all outputs. Ranks meet before the first chunk and after the last only. In
// place too: of this rank's input nobody else reads its shard, of which its output then holds the
// partial sum.
class RegisteredSide final : public LocalSide {
 public:
  RegisteredSide(CollectiveContext& context, const AllreduceArguments& arguments,
                 const HierarchicalPlan& plan, RegisteredBuffer inputs, RegisteredBuffer outputs)
      : context_(context),
        channel_(*context.local_context().shared_channel()),
        arguments_(arguments),
        layout_(plan, SizeBytes(arguments)),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        operands_(static_cast<std::size_t>(channel_.size())) {}

  // All inputs are complete, and nobody still reads what will be overwritten.
  Status Open() override { return channel_.Step(context_.local_context().NewDeadline()); }
  Status Close() override { return channel_.Step(context_.local_context().NewDeadline()); }

  Status Round(std::size_t in, Lane* in_lane, std::size_t out, const Lane* out_lane) override {
    if (out_lane != nullptr) HandOut(layout_.of(out, rank()));
    if (in_lane == nullptr) return Status::Ok();
    const ByteRange range = layout_.of(in, rank());
    in_lane->count = static_cast<std::int64_t>(range.size() / SizeOf(arguments_.dtype));
    in_lane->result = outputs_.of(rank()) + range.begin;
    in_lane->partial = in_lane->result;
    for (int peer = 0; peer < channel_.size(); ++peer) {
      operands_[static_cast<std::size_t>(peer)] = inputs_.of(peer) + range.begin;
    }
    Reduce(arguments_.op, arguments_.dtype, operands_, in_lane->result, in_lane->count,
           {.prescale = arguments_.prescale});
    return Status::Ok();
  }

 private:
  [[nodiscard]] int rank() const { return channel_.rank(); }

  void HandOut(const ByteRange& range) {
    for (std::size_t at = range.begin; at < range.end; at += kPieceBytes) {
      const std::size_t piece = std::min(kPieceBytes, range.end - at);
      for (int distance = 1; distance < channel_.size(); ++distance) {
        const int peer = (rank() + distance) % channel_.size();
        std::memcpy(outputs_.of(peer) + at, outputs_.of(rank()) + at, piece);
      }
    }
    context_.AddSharedBytes(range.size() * static_cast<std::size_t>(channel_.size() - 1));
  }

  CollectiveContext& context_;
  SharedChannel& channel_;
  const AllreduceArguments& arguments_;
  ShardLayout layout_;
  RegisteredBuffer inputs_;
  RegisteredBuffer outputs_;
  std::vector<const void*> operands_;  // by local rank
};

}  // namespace

Result<std::unique_ptr<LocalSide>> MakeRegisteredSide(CollectiveContext& context,
                                                      const AllreduceArguments& arguments,
                                                      const HierarchicalPlan& plan) {
  CollectiveContext& local = context.local_context();
  RONDE_ASSIGN_OR_RETURN(RegisteredBuffer inputs,
                         RegisteredBuffer::Find(local, arguments.input_place, "allreduce"));
  RONDE_ASSIGN_OR_RETURN(RegisteredBuffer outputs,
                         RegisteredBuffer::Find(local, arguments.output_place, "allreduce"));
  return std::unique_ptr<LocalSide>(std::make_unique<RegisteredSide>(
      context, arguments, plan, std::move(inputs), std::move(outputs)));
}

}  // namespace ronde
