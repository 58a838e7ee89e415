#include <cstring>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/local_side.h"
#include "collectives/allreduce/pieces.h"
#include "collectives/reduce_kernels.h"

namespace ronde {
namespace {

// A host with one rank: its input is the host's sum. One tensor travels from its input and arrives
// in its output; several are gathered and scattered.
class AloneSide final : public LocalSide {
 public:
  AloneSide(const AllreduceArguments& arguments, const HierarchicalPlan& plan)
      : arguments_(arguments),
        layout_(plan, SizeBytes(arguments)),
        pieces_(arguments),
        gathers_(!arguments.pieces.empty()) {}

  Status Round(std::size_t in, Lane* in_lane, std::size_t out, const Lane* out_lane) override {
    if (out_lane != nullptr && gathers_) {
      const ByteRange range = layout_.of(out, 0);
      pieces_.Scatter(range.begin, range.size(), out_lane->result, /*streams=*/false);
    }
    if (in_lane != nullptr) Prepare(layout_.of(in, 0), *in_lane);
    return Status::Ok();
  }

 private:
  void Prepare(const ByteRange& range, Lane& lane) const {
    lane.count = static_cast<std::int64_t>(range.size() / SizeOf(arguments_.dtype));
    const auto* const input = static_cast<const std::byte*>(arguments_.input) + range.begin;
    lane.result = gathers_ ? lane.own : static_cast<std::byte*>(arguments_.output) + range.begin;
    lane.partial = lane.result;
    if (gathers_) {
      std::memset(lane.own, 0, range.size());  // what lies between pieces travels too
      pieces_.Gather(range.begin, range.size(), lane.own);
    }
    if (arguments_.prescale != 1) {
      Scale(arguments_.dtype, gathers_ ? lane.own : input, lane.result, lane.count,
            arguments_.prescale);
    } else if (!gathers_) {
      lane.partial = input;
    }
  }

  const AllreduceArguments& arguments_;
  ShardLayout layout_;
  Pieces pieces_;
  bool gathers_;
};

}  // namespace

std::unique_ptr<LocalSide> MakeAloneSide(const AllreduceArguments& arguments,
                                         const HierarchicalPlan& plan) {
  return std::make_unique<AloneSide>(arguments, plan);
}

}  // namespace ronde
