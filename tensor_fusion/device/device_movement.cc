#include "tensor_fusion/device/device_movement.h"

#include <algorithm>
#include <cstddef>

#include "collectives/device/nccl/nccl_companion.h"
#include "core/base/strcat.h"
#include "core/control/message.h"
#include "tensor_fusion/operation_arguments.h"

namespace ronde {
namespace {

bool HasForm(const Request& request) {
  return request.kind == OperationKind::kBroadcast ||
         request.kind == OperationKind::kReducescatter ||
         (request.kind == OperationKind::kAllgather && request.into_output);
}

}  // namespace

Result<bool> DeviceMovement::Run(const DeviceLane& lane, const ReadyOperation& operation) {
  const Request& request = operation.response->request;
  if (!HasForm(request)) return false;
  if (request.kind != OperationKind::kBroadcast && request.shape.empty()) {
    return Status::Internal(StrCat("'", request.name, "' of a scalar cannot be dealt"));
  }
  if (lane.context.size() == 1) {
    // What is scaled is rare, and the host does it.
    if (request.prescale * request.postscale != 1) return false;
    RONDE_RETURN_IF_ERROR(RunInGroupOfOne(lane, operation));
    return true;
  }
  if (!NcclServes(lane.context)) return false;
  const BatchNotes::Phase phase = notes_.Time("nccl");
  Status status;
  if (request.kind == OperationKind::kBroadcast) {
    status = Broadcast(lane, operation);
  } else if (request.kind == OperationKind::kAllgather) {
    status = Gather(lane, operation);
  } else {
    status = ReduceAndScatter(lane, operation);
  }
  // It has turned out that NCCL cannot connect this group, on all ranks alike.
  if (status.code() == StatusCode::kUnavailable && !NcclServes(lane.context)) return false;
  RONDE_RETURN_IF_ERROR(status);
  return true;
}

Status DeviceMovement::RunInGroupOfOne(const DeviceLane& lane, const ReadyOperation& operation) {
  const TensorEntry& entry = operation.entry;
  const std::size_t size_bytes = entry.output.size_bytes();
  if (size_bytes == 0 || entry.input.data == entry.output.data) return Status::Ok();
  return lane.context.device().Copy(entry.output.data, entry.input.data, size_bytes,
                                    lane.channel.stream().native);
}

Status DeviceMovement::Broadcast(const DeviceLane& lane, const ReadyOperation& operation) {
  RONDE_ASSIGN_OR_RETURN(const NcclCall call, NcclCallFor(lane.context, lane.channel));
  const Request& request = operation.response->request;
  return NcclBroadcast(call, {.data = operation.entry.output.data,
                              .size_bytes = operation.entry.output.size_bytes(),
                              .root = request.root,
                              .place = request.output_place});
}

Status DeviceMovement::Gather(const DeviceLane& lane, const ReadyOperation& operation) {
  const Request& request = operation.response->request;
  const std::vector<std::int64_t>& extents = operation.response->rank_extents;
  // Equal blocks are what the output was measured for.
  const auto is_own = [&](std::int64_t rows) { return rows == request.shape[0]; };
  if (extents.size() != static_cast<std::size_t>(lane.context.size()) ||
      !std::all_of(extents.begin(), extents.end(), is_own)) {
    return Status::Internal(
        StrCat("allgather '", request.name, "' was agreed with extents that do not fit it"));
  }
  const auto size_bytes = static_cast<std::int64_t>(operation.entry.input.size_bytes());
  blocks_.assign(extents.size(), size_bytes);
  RONDE_ASSIGN_OR_RETURN(const NcclCall call, NcclCallFor(lane.context, lane.channel));
  return NcclAllgather(call, {.input = operation.entry.input.data,
                              .output = operation.entry.output.data,
                              .rank_bytes = blocks_,
                              .output_place = request.output_place});
}

Status DeviceMovement::ReduceAndScatter(const DeviceLane& lane, const ReadyOperation& operation) {
  RONDE_ASSIGN_OR_RETURN(const NcclCall call, NcclCallFor(lane.context, lane.channel));
  return NcclReducescatter(call,
                           ReducescatterArgumentsFor(operation, lane.context.size(), blocks_));
}

}  // namespace ronde
