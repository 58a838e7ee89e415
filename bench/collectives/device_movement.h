#pragma once

#include "bench/collectives/collective.h"
#include "collectives/allreduce/algorithm.h"
#include "collectives/device/device_channel.h"
#include "collectives/device/device_context.h"
#include "collectives/device/nccl/nccl_collectives.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde::bench {

/// The arguments of an allreduce of `call`.
[[nodiscard]] inline AllreduceArguments AllreduceArgumentsOf(const CollectiveCall& call) {
  AllreduceArguments arguments;
  arguments.input = call.input;
  arguments.output = call.output;
  arguments.count = call.layout.count;
  arguments.dtype = call.dtype;
  arguments.op = call.op;
  arguments.input_place = call.input_place;
  arguments.output_place = call.output_place;
  return arguments;
}

/// Issues `call`, in memory of `device`, as NCCL's collective of that name.
Status CallNccl(const NcclCall& nccl, Device& device, const CollectiveCall& call);

/// Whether a collective that is no allreduce can run on these devices without an engine: by NCCL.
/// The same on all ranks.
[[nodiscard]] bool CanMoveOnDevice(DeviceContext& context, const CollectiveCall& call);

/// Issues it on the channel's stream.
Status MoveOnDevice(DeviceContext& context, DeviceChannel& channel, const CollectiveCall& call);

}  // namespace ronde::bench
