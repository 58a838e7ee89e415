#include "tensor_fusion/fused_executor.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "collectives/allgather/allgather.h"
#include "collectives/barrier/barrier.h"
#include "collectives/broadcast/broadcast.h"
#include "core/base/strcat.h"
#include "tensor_fusion/widen.h"

namespace ronde {
namespace {

// Elements of a 16-bit model average that are widened at once: 4 MiB of float32, which stays in
// the last-level cache between widening, the sum and narrowing.
constexpr std::int64_t kWidenedElements = std::int64_t{1} << 20;

AllreduceArguments ArgumentsFor(const Request& request) {
  AllreduceArguments arguments;
  arguments.count = ElementCount(request.shape);
  arguments.dtype = request.dtype;
  arguments.op = request.op;
  arguments.prescale = request.prescale;
  arguments.postscale = request.postscale;
  return arguments;
}

// The same for what runs in the buffers of the request itself.
AllreduceArguments PlacedArgumentsFor(const Request& request) {
  AllreduceArguments arguments = ArgumentsFor(request);
  arguments.input_place = request.input_place;
  arguments.output_place = request.output_place;
  return arguments;
}

// How many of the first `tensors` fit together: at least one.
std::size_t PieceLength(std::span<const PackedTensor> tensors, std::size_t threshold_bytes) {
  std::size_t count = 1;
  std::size_t packed_bytes = PackedSize(tensors.front().size_bytes);
  while (count < tensors.size()) {
    packed_bytes += PackedSize(tensors[count].size_bytes);
    if (packed_bytes > threshold_bytes) break;
    ++count;
  }
  return count;
}

}  // namespace

FusedExecutor::FusedExecutor(CollectiveContext& context, Selector selector,
                             std::size_t fusion_threshold_bytes)
    : context_(context),
      selector_(std::move(selector)),
      // Alone, nothing is sent, and copying together would be all the work there is.
      threshold_bytes_(context.size() == 1 ? 0 : fusion_threshold_bytes),
      planner_(threshold_bytes_) {}

Status FusedExecutor::Execute(std::vector<ReadyOperation> operations) {
  for (const FusionBatch& batch : planner_.Plan(operations)) {
    if (const Status status = RunBatch(operations, batch); !status.ok()) {
      context_.registered().Detach();
      return status;
    }
    bytes_on_wire_.store(context_.bytes_on_wire(), std::memory_order_relaxed);
    for (const std::uint32_t member : batch.members) {
      operations[member].entry.handle.Complete(Status::Ok());
    }
  }
  return Status::Ok();
}

Status FusedExecutor::RunBatch(std::span<ReadyOperation> operations, const FusionBatch& batch) {
  ReadyOperation& first = operations[batch.members.front()];
  const bool alone = batch.members.size() == 1 && first.response.request.group_counts.empty();
  return alone ? RunAlone(first) : RunFused(operations, batch);
}

void FusedExecutor::AppendTensors(const ReadyOperation& operation) {
  const TensorEntry& entry = operation.entry;
  const Request& request = operation.response.request;
  if (request.group_counts.empty()) {
    tensors_.push_back({entry.input.data, entry.output.data, entry.input.size_bytes(),
                        entry.output.padding_bytes});
    return;
  }
  for (std::size_t i = 0; i < entry.group.size(); ++i) {
    const GroupMember& member = entry.group[i];
    const auto count = static_cast<std::size_t>(request.group_counts[i]);
    tensors_.push_back(
        {member.input, member.output, count * SizeOf(request.dtype), member.padding_bytes});
  }
}

Status FusedExecutor::RunFused(std::span<ReadyOperation> operations, const FusionBatch& batch) {
  tensors_.clear();
  for (const std::uint32_t member : batch.members) AppendTensors(operations[member]);
  const Request& request = operations[batch.members.front()].response.request;
  if (batch.members.size() == 1 && request.output_place.registered()) {
    return RunWhereItLies(request);
  }
  for (std::span<const PackedTensor> rest(tensors_); !rest.empty();) {
    const std::size_t count = PieceLength(rest, threshold_bytes_);
    RONDE_RETURN_IF_ERROR(RunPiece(request, rest.first(count)));
    rest = rest.subspan(count);
  }
  return Status::Ok();
}

Status FusedExecutor::RunWhereItLies(const Request& request) {
  AllreduceArguments arguments = PlacedArgumentsFor(request);
  arguments.output = FindPacked(tensors_);
  arguments.input = arguments.output;
  arguments.count = static_cast<std::int64_t>(PackedSizeOf(tensors_) / SizeOf(request.dtype));
  if (arguments.output == nullptr) {
    return Status::Internal(StrCat("group '", request.name, "' does not lie as it was said to"));
  }
  return Allreduce(arguments);
}

Status FusedExecutor::RunPiece(const Request& request, std::span<const PackedTensor> tensors) {
  AllreduceArguments arguments = ArgumentsFor(request);
  if (tensors.size() == 1) {
    arguments.input = tensors.front().input;
    arguments.output = tensors.front().output;
    arguments.count = static_cast<std::int64_t>(tensors.front().size_bytes / SizeOf(request.dtype));
    return Allreduce(arguments);
  }
  const std::size_t packed_bytes = PackedSizeOf(tensors);
  std::byte* buffer = FindPacked(tensors);
  const bool packs = buffer == nullptr;
  if (packs) {
    buffer = buffer_.Acquire(request.dtype, packed_bytes);
    Pack(tensors, buffer);
    bytes_packed_.fetch_add(packed_bytes, std::memory_order_relaxed);
  }
  arguments.input = buffer;
  arguments.output = buffer;
  arguments.count = static_cast<std::int64_t>(packed_bytes / SizeOf(request.dtype));
  RONDE_RETURN_IF_ERROR(Allreduce(arguments));
  if (packs) Unpack(tensors, buffer);
  return Status::Ok();
}

Status FusedExecutor::RunAlone(ReadyOperation& operation) {
  const Request& request = operation.response.request;
  const TensorEntry& entry = operation.entry;
  switch (request.kind) {
    case OperationKind::kAllreduce: {
      AllreduceArguments arguments = PlacedArgumentsFor(request);
      arguments.input = entry.input.data;
      arguments.output = entry.output.data;
      return Allreduce(arguments);
    }
    case OperationKind::kBroadcast:
      return Broadcast(context_, entry.output.data, entry.output.size_bytes(), request.root);
    case OperationKind::kAllgather:
      return Gather(operation);
    case OperationKind::kBarrier:
      return Barrier(context_);
    case OperationKind::kModelAverage:
      return AverageModel(operation);
    case OperationKind::kAllocate:
      return Allocate(operation);
  }
  return Status::Internal(
      StrCat("operation '", request.name, "' is of unknown kind ", static_cast<int>(request.kind)));
}

Status FusedExecutor::Gather(ReadyOperation& operation) {
  const Request& request = operation.response.request;
  const std::vector<std::int64_t>& extents = operation.response.rank_extents;
  if (extents.size() != static_cast<std::size_t>(context_.size()) || request.shape.empty()) {
    return Status::Internal(StrCat("allgather '", request.name, "' was agreed with ",
                                   extents.size(), " extents for ", context_.size(), " ranks"));
  }
  Shape gathered_shape = operation.entry.input.shape;
  gathered_shape[0] = 1;
  const std::int64_t row_bytes =
      ElementCount(gathered_shape) * static_cast<std::int64_t>(SizeOf(request.dtype));
  gathered_shape[0] = 0;
  rank_bytes_.clear();
  for (const std::int64_t extent : extents) {
    rank_bytes_.push_back(extent * row_bytes);
    gathered_shape[0] += extent;
  }

  OperationResult& result = operation.entry.handle.mutable_result();
  result.gathered.resize(static_cast<std::size_t>(gathered_shape[0] * row_bytes));
  result.gathered_shape = std::move(gathered_shape);
  result.rank_extents = extents;
  return Allgatherv(context_, operation.entry.input.data, result.gathered.data(), rank_bytes_);
}

Status FusedExecutor::Allocate(ReadyOperation& operation) {
  const auto size_bytes = static_cast<std::size_t>(operation.response.request.shape[0]);
  RONDE_ASSIGN_OR_RETURN(operation.entry.handle.mutable_result().memory,
                         context_.registered().Allocate(context_.communicator().local().transport(),
                                                        size_bytes, context_.NewDeadline()));
  return Status::Ok();
}

Status FusedExecutor::AverageModel(const ReadyOperation& operation) {
  const Request& request = operation.response.request;
  void* parameters = operation.entry.output.data;
  if (SizeOf(request.dtype) == 2) {
    return AverageWidened(request, static_cast<std::byte*>(parameters));
  }
  AllreduceArguments arguments = PlacedArgumentsFor(request);
  arguments.input = parameters;
  arguments.output = parameters;
  arguments.op = ReduceOp::kAverage;
  return Allreduce(arguments);
}

Status FusedExecutor::AverageWidened(const Request& request, std::byte* parameters) {
  const std::int64_t count = ElementCount(request.shape);
  const std::int64_t staged = std::min(count, kWidenedElements);
  auto* sums = reinterpret_cast<float*>(
      buffer_.Acquire(DataType::kFloat32, static_cast<std::size_t>(staged) * sizeof(float)));
  for (std::int64_t begin = 0; begin < count; begin += kWidenedElements) {
    const std::int64_t piece = std::min(kWidenedElements, count - begin);
    std::byte* values = parameters + static_cast<std::size_t>(begin) * SizeOf(request.dtype);
    Widen(request.dtype, values, sums, piece);
    AllreduceArguments arguments;
    arguments.input = sums;
    arguments.output = sums;
    arguments.count = piece;
    arguments.dtype = DataType::kFloat32;
    arguments.op = ReduceOp::kAverage;
    RONDE_RETURN_IF_ERROR(Allreduce(arguments));
    Narrow(request.dtype, sums, values, piece);
  }
  return Status::Ok();
}

Status FusedExecutor::Allreduce(const AllreduceArguments& arguments) {
  if (arguments.count == 0) return Status::Ok();  // on all ranks: the count is agreed
  RONDE_ASSIGN_OR_RETURN(const AllreduceAlgorithm* algorithm,
                         selector_.Choose(context_, arguments));
  return algorithm->Run(context_, arguments);
}

}  // namespace ronde
