#include "bench/collectives/device_movement.h"

#include <vector>

#include "collectives/device/nccl/nccl_collectives.h"
#include "collectives/device/nccl/nccl_companion.h"

namespace ronde::bench {
namespace {

// An in-place broadcast is preceded by a copy, as a user of one would have to make it.
Status Broadcast(const NcclCall& nccl, Device& device, const CollectiveCall& call, int rank) {
  if (!call.in_place && rank == call.root) {
    RONDE_RETURN_IF_ERROR(
        device.Copy(call.output, call.input, call.InputBytes(), nccl.stream.native));
  }
  return NcclBroadcast(nccl, {call.output, call.OutputBytes(), call.root});
}

Status Reducescatter(const NcclCall& nccl, const CollectiveCall& call) {
  const std::vector<std::int64_t> counts(static_cast<std::size_t>(nccl.communicator.size()),
                                         call.layout.count);
  ReducescatterArguments arguments;
  arguments.input = call.input;
  arguments.output = call.output;
  arguments.rank_counts = counts;
  arguments.dtype = call.dtype;
  arguments.op = call.op;
  return NcclReducescatter(nccl, arguments);
}

}  // namespace

Status CallNccl(const NcclCall& nccl, Device& device, const CollectiveCall& call) {
  const auto ranks = static_cast<std::size_t>(nccl.communicator.size());
  const std::vector<std::int64_t> of_ranks(ranks, call.BlockBytes());
  switch (call.collective) {
    case Collective::kAllreduce:
      return NcclAllreduce(nccl, AllreduceArgumentsOf(call));
    case Collective::kReducescatter:
      return Reducescatter(nccl, call);
    case Collective::kAllgather:
      return NcclAllgather(nccl, {call.input, call.output, of_ranks});
    case Collective::kBroadcast:
      return Broadcast(nccl, device, call, nccl.communicator.rank());
    case Collective::kAlltoall:
      return NcclAlltoall(nccl, {call.input, call.output,
                                 std::vector<std::int64_t>(ranks * ranks, call.BlockBytes())});
    case Collective::kSendrecv:
      break;
  }
  return Status::Internal("no such collective of NCCL");
}

bool CanMoveOnDevice(DeviceContext& context, const CollectiveCall& call) {
  return call.collective != Collective::kSendrecv && NcclServes(context);
}

Status MoveOnDevice(DeviceContext& context, DeviceChannel& channel, const CollectiveCall& call) {
  RONDE_ASSIGN_OR_RETURN(const NcclCall nccl, NcclCallFor(context, channel));
  return CallNccl(nccl, context.device(), call);
}

}  // namespace ronde::bench
