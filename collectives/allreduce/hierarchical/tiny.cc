#include "collectives/allreduce/hierarchical/tiny.h"

#include <cstring>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/hierarchical/net_side.h"
#include "collectives/allreduce/pieces.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/tiny_round.h"

namespace ronde {
namespace {

constexpr std::size_t kLineBytes = 64;

// A rank alone on its host has nobody to ask.
Status SumUpInside(CollectiveContext& context, const AllreduceArguments& arguments, Lane& lane) {
  CollectiveContext& local = context.local_context();
  const std::size_t size = SizeBytes(arguments);
  const Pieces pieces(arguments);
  const Scaling scaling = {.prescale = arguments.prescale};
  lane.count = arguments.count;
  if (local.size() == 1) {
    pieces.Gather(0, size, lane.own);
    ReduceOne(arguments.op, arguments.dtype, lane.own, lane.own, lane.count, scaling);
    return Status::Ok();
  }
  TinyRound round(local);
  pieces.Gather(0, size, round.mine());
  RONDE_RETURN_IF_ERROR(round.Run());
  context.AddSharedBytes(size);
  if (local.rank() != 0) return Status::Ok();
  const auto operands = PointerScratch(local).operands;
  for (int peer = 0; peer < local.size(); ++peer) {
    operands[static_cast<std::size_t>(peer)] = round.of(peer);
  }
  Reduce(arguments.op, arguments.dtype, operands, lane.own, lane.count, scaling);
  return Status::Ok();
}

Status AddUpBetween(NetSide& net, Lane& lane) {
  // Behind the lane's own memory.
  lane.room = lane.own + kLineBytes;
  lane.partial = lane.result = lane.own;
  for (int phase = 0; phase < net.phases(); ++phase) {
    RONDE_RETURN_IF_ERROR(net.Start(phase, lane));
    RONDE_RETURN_IF_ERROR(net.Finish(phase, lane));
  }
  return Status::Ok();
}

Status HandOutInside(CollectiveContext& context, const AllreduceArguments& arguments,
                     const Lane& lane) {
  CollectiveContext& local = context.local_context();
  const std::size_t size = SizeBytes(arguments);
  const Pieces pieces(arguments);
  if (local.size() == 1) {
    pieces.Scatter(0, size, lane.own, /*streams=*/false);
    return Status::Ok();
  }
  TinyRound round(local);
  if (local.rank() == 0) std::memcpy(round.mine(), lane.own, size);
  RONDE_RETURN_IF_ERROR(round.Run());
  pieces.Scatter(0, size, round.of(0), /*streams=*/false);
  return Status::Ok();
}

}  // namespace

Status RunTinyHierarchical(CollectiveContext& context, const AllreduceArguments& arguments,
                           const HierarchicalPlan& plan) {
  CollectiveContext* const leaders = context.leaders();
  std::unique_ptr<NetSide> net;
  if (leaders != nullptr) {
    net = MakeNetSide({.rail = *leaders,
                       .hosts = leaders->size(),
                       .dtype = arguments.dtype,
                       .op = arguments.op,
                       .result = ResultPart(ScalingFor(arguments, context.size())),
                       .wire = plan.wire,
                       .shard_bytes = plan.shard_bytes},
                      plan);
  }
  Lane lane;
  lane.own = context.OuterScratch(kLineBytes + (net == nullptr ? 0 : net->RoomBytes()));
  RONDE_RETURN_IF_ERROR(SumUpInside(context, arguments, lane));
  if (net != nullptr) RONDE_RETURN_IF_ERROR(AddUpBetween(*net, lane));
  return HandOutInside(context, arguments, lane);
}

}  // namespace ronde
