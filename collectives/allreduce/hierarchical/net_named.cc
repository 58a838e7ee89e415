#include "collectives/allreduce/hierarchical/net_side.h"

namespace ronde {
namespace {

class NamedNet final : public NetSide {
 public:
  NamedNet(const NetCall& call, const AllreduceAlgorithm& algorithm)
      : NetSide(call), algorithm_(algorithm) {}

  int phases() const override { return 1; }
  int rounds_per_phase() const override { return 1; }
  std::size_t RoomBytes() const override { return 0; }
  Status Start(int /*phase*/, Lane& /*lane*/) override { return Status::Ok(); }

  Status Finish(int /*phase*/, Lane& lane) override {
    if (lane.count == 0) return Status::Ok();
    AllreduceArguments arguments;
    arguments.input = lane.partial;
    arguments.output = lane.result;
    arguments.count = lane.count;
    arguments.dtype = call_.dtype;
    // An average is one over all ranks, which Scale sees to.
    arguments.op = call_.op == ReduceOp::kAverage ? ReduceOp::kSum : call_.op;
    RONDE_RETURN_IF_ERROR(algorithm_.Run(call_.rail, arguments));
    Scale(lane.result, static_cast<std::size_t>(lane.count) * element_bytes());
    return Status::Ok();
  }

 private:
  const AllreduceAlgorithm& algorithm_;
};

}  // namespace

std::unique_ptr<NetSide> MakeNamedNet(const NetCall& call, const AllreduceAlgorithm& algorithm) {
  return std::make_unique<NamedNet>(call, algorithm);
}

}  // namespace ronde
