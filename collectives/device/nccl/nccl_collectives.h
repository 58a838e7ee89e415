#pragma once

#include "collectives/allgather/allgather.h"
#include "collectives/allreduce/algorithm.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/nccl/nccl_communicator.h"
#include "collectives/reducescatter/reducescatter.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/device/device.h"

// The collectives of device memory over NCCL. They take the arguments of those of host memory, with
// pointers of the device; places do not matter. They give the work to `stream` and return: the
// output is there for what is given to the stream afterwards.
//
// Errors: kInvalidArgument as those of host memory; kTimeout, kAborted, kUnavailable, kInternal:
//         see NcclCommunicator::Issue. What goes wrong later is AsyncError's.
// Cost:   NCCL's own, and one launch over the output where a factor is left that NCCL cannot
//         apply (see NcclReduction). Since 2.23 it starts a thread for each group of a
//         non-blocking communicator.

namespace ronde {

/// What they work with.
struct NcclCall {
  NcclCommunicator& communicator;
  DeviceKernels& kernels;
  StreamView stream;
  Deadline deadline;  ///< for NCCL to take the work
};

/// Takes pieces: they are one group of NCCL. `count` of 0 does nothing.
/// Order:  NCCL's, which depends on sizes and offsets; the same bits on all ranks. 16-bit types
///         round where NCCL's algorithm does. min and max may drop NaN.
Status NcclAllreduce(const NcclCall& call, const AllreduceArguments& arguments);

/// Blocks of one size are one reduce-scatter; others a group of reductions, one a rank.
Status NcclReducescatter(const NcclCall& call, const ReducescatterArguments& arguments);

Status NcclBroadcast(const NcclCall& call, const BroadcastArguments& arguments);

/// Blocks of one size are one allgather; others a group of broadcasts, one a rank: between hosts
/// every byte goes to each host once, which as messages it would not.
Status NcclAllgather(const NcclCall& call, const AllgatherArguments& arguments);

/// A group of messages between all pairs.
Status NcclAlltoall(const NcclCall& call, const AlltoallArguments& arguments);

}  // namespace ronde
