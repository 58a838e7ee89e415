// What a DeviceExecutor does with one batch.
#include <algorithm>
#include <utility>

#include "core/control/message.h"
#include "tensor_fusion/device/device_executor.h"
#include "tensor_fusion/operation_arguments.h"

namespace ronde {
namespace {

bool IsAlone(std::span<const ReadyOperation> operations, const FusionBatch& batch) {
  return batch.members.size() == 1 &&
         operations[batch.members.front()].response->request.group_counts.empty();
}

}  // namespace

Result<bool> DeviceExecutor::RunOnChannel(const DeviceLane& lane, Operations operations,
                                          const FusionBatch& batch, std::size_t piece_bytes) {
  UseStream(lane.channel.stream());
  ReadyOperation& first = operations[batch.members.front()];
  if (IsAlone(operations, batch)) {
    RONDE_RETURN_IF_ERROR(StandIn(first));
    RONDE_RETURN_IF_ERROR(HoldUp(first.entry.input.ready));
    RONDE_RETURN_IF_ERROR(HoldUp(first.entry.output.ready));
    return RunAlone(lane, first);
  }
  RONDE_RETURN_IF_ERROR(Gather(operations, batch));
  const Request& request = first.response->request;
  if (batch.members.size() == 1 && request.output_place.registered()) {
    RONDE_ASSIGN_OR_RETURN(const AllreduceArguments arguments,
                           ArgumentsWhereItLies(request, tensors_));
    return allreduce_.RunAlone(lane, arguments);
  }
  return allreduce_.RunTensors(lane, request, tensors_, piece_bytes);
}

Result<bool> DeviceExecutor::RunAlone(const DeviceLane& lane, ReadyOperation& operation) {
  const Request& request = operation.response->request;
  AllreduceArguments arguments = PlacedArgumentsFor(request);
  arguments.input = operation.entry.input.data;
  arguments.output = operation.entry.output.data;
  switch (request.kind) {
    case OperationKind::kAllreduce:
      return allreduce_.RunAlone(lane, arguments);
    case OperationKind::kModelAverage:
      if (SizeOf(request.dtype) == 2) {
        return allreduce_.AverageWidened(lane, request, operation.entry.output.data);
      }
      arguments.op = ReduceOp::kAverage;
      return allreduce_.RunAlone(lane, arguments);
    default:
      return movement_.Run(lane, operation);
  }
}

Result<bool> DeviceExecutor::RunStaged(Operations operations, const FusionBatch& batch,
                                       CollectiveContext& group) {
  if (device_ == nullptr) return RunWithoutDevice(operations, batch);
  RONDE_ASSIGN_OR_RETURN(const StreamView stream, staged_.OpenStream(*device_));
  UseStream(stream);
  ReadyOperation& first = operations[batch.members.front()];
  const Deadline deadline = group.NewDeadline();
  if (IsAlone(operations, batch)) {
    RONDE_RETURN_IF_ERROR(StandIn(first));
    RONDE_RETURN_IF_ERROR(HoldUp(first.entry.input.ready));
    RONDE_RETURN_IF_ERROR(HoldUp(first.entry.output.ready));
    RONDE_RETURN_IF_ERROR(staged_.Run(first, deadline));
  } else {
    RONDE_RETURN_IF_ERROR(Gather(operations, batch));
    RONDE_RETURN_IF_ERROR(staged_.RunTensors(first.response->request, tensors_, deadline));
  }
  flight_.uses.push_back(staged_.memory());
  RONDE_RETURN_IF_ERROR(Depart(nullptr));
  return true;
}

// Nothing but stand-ins, whose buffers are in host memory; the other ranks stage theirs, each batch
// as one operation.
Result<bool> DeviceExecutor::RunWithoutDevice(Operations operations, const FusionBatch& batch) {
  ReadyOperation& first = operations[batch.members.front()];
  ReadyOperation host(std::make_shared<Response>(*first.response), first.entry);
  Request& request = host.response->request;
  request.on_device = false;
  request.input_place = request.output_place = {};
  if (!IsAlone(operations, batch)) {
    request.group_counts.clear();
    request.shape = {0};
    host.entry.group.clear();
    tensors_.clear();
    for (const std::uint32_t member : batch.members) AppendTensors(operations[member]);
    for (const PackedTensor& tensor : tensors_) {
      const auto count = static_cast<std::int64_t>(tensor.size_bytes / SizeOf(request.dtype));
      request.group_counts.push_back(count);
      request.shape[0] += count;
      host.entry.group.push_back({tensor.input, tensor.output, 0});
    }
  }
  RONDE_RETURN_IF_ERROR(run_on_host_(host));
  return false;
}

void DeviceExecutor::UseStream(StreamView stream) {
  stream_ = stream;
  held_up_by_ = nullptr;
}

Status DeviceExecutor::Gather(Operations operations, const FusionBatch& batch) {
  tensors_.clear();
  for (const std::uint32_t member : batch.members) {
    ReadyOperation& operation = operations[member];
    RONDE_RETURN_IF_ERROR(StandIn(operation));
    AppendTensors(operation);
    RONDE_RETURN_IF_ERROR(HoldUp(operation.entry.input.ready));
    RONDE_RETURN_IF_ERROR(HoldUp(operation.entry.output.ready));
    for (const GroupMember& part : operation.entry.group) {
      RONDE_RETURN_IF_ERROR(HoldUp(part.ready));
    }
  }
  return Status::Ok();
}

void DeviceExecutor::AppendTensors(const ReadyOperation& operation) {
  const TensorEntry& entry = operation.entry;
  const Request& request = operation.response->request;
  const std::size_t element_bytes = SizeOf(request.dtype);
  if (request.group_counts.empty()) {
    const auto count = static_cast<std::size_t>(ElementCount(request.shape));
    tensors_.push_back(
        {entry.input.data, entry.output.data, count * element_bytes, entry.output.padding_bytes});
    return;
  }
  for (std::size_t i = 0; i < entry.group.size(); ++i) {
    const GroupMember& member = entry.group[i];
    const auto count = static_cast<std::size_t>(request.group_counts[i]);
    tensors_.push_back({member.input, member.output, count * element_bytes, member.padding_bytes});
  }
}

Status DeviceExecutor::StandIn(ReadyOperation& operation) {
  TensorEntry& entry = operation.entry;
  if (entry.enqueued_ns != kStandsIn) return Status::Ok();
  const Request& request = operation.response->request;
  std::size_t size_bytes = std::max(entry.input.size_bytes(), entry.output.size_bytes());
  for (const std::int64_t count : request.group_counts) {
    size_bytes = std::max(size_bytes, static_cast<std::size_t>(count) * SizeOf(request.dtype));
  }
  RONDE_ASSIGN_OR_RETURN(const StandInMemory::Buffers buffers,
                         stand_ins_[stream_.native].Reserve(stream_, size_bytes));
  entry.input.data = buffers.zeros->data();
  entry.output.data = buffers.room->data();
  for (GroupMember& member : entry.group) {
    member.input = buffers.zeros->data();
    member.output = buffers.room->data();
  }
  flight_.uses.push_back(buffers.zeros);
  flight_.uses.push_back(buffers.room);
  return Status::Ok();
}

Status DeviceExecutor::HoldUp(const std::shared_ptr<const Event>& ready) {
  // Most often neighbours have the same one.
  if (ready == nullptr || ready.get() == held_up_by_) return Status::Ok();
  held_up_by_ = ready.get();
  return ready->HoldUp(stream_);
}

}  // namespace ronde
