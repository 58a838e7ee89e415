#include "tensor_fusion/fused_executor.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "collectives/barrier/barrier.h"
#include "collectives/broadcast/broadcast.h"
#include "core/base/failure_cause.h"
#include "core/base/strcat.h"
#include "tensor_fusion/operation_arguments.h"
#include "tensor_fusion/widen.h"

namespace ronde {
namespace {

// Elements of a 16-bit model average that are widened at once: 4 MiB of float32, which stays in
// the last-level cache between widening, the sum and narrowing.
constexpr std::int64_t kWidenedElements = std::int64_t{1} << 20;

// A lone tensor may want to pass through a device's staging whatever the threshold is.
constexpr std::size_t kLeastStagingBytes = 4 << 20;

}  // namespace

FusedExecutor::FusedExecutor(CollectiveContext& context, Selector selector,
                             std::size_t fusion_threshold_bytes,
                             std::optional<DeviceSelector> device_selector)
    : world_(context),
      sets_(context),
      set_(sets_.Find(kWorld)),
      selector_(std::move(selector)),
      // Alone, nothing is sent, and copying together would be all the work there is.
      threshold_bytes_(context.size() == 1 ? 0 : fusion_threshold_bytes),
      planner_(threshold_bytes_) {
  if (!device_selector) return;
  device_ = std::make_unique<DeviceExecutor>(
      context, *std::move(device_selector), std::max(fusion_threshold_bytes, kLeastStagingBytes),
      notes_, [this](ReadyOperation& operation) { return RunOnHost(operation); });
}

Status FusedExecutor::Execute(std::span<ReadyOperation> operations) {
  for (const FusionBatch& batch : planner_.Plan(operations)) {
    notes_.Begin(operations, batch);
    const Result<bool> is_under_way = RunBatch(operations, batch);
    notes_.End();
    if (!is_under_way.ok()) {
      DetachBuffers(operations, batch);
      return WithScene(is_under_way.status(), SceneOf(operations, batch));
    }
    bytes_on_wire_.store(world_.bytes_on_wire(), std::memory_order_relaxed);
    if (is_under_way.value()) {
      notes_.TellIssued(operations, batch);
      device_->Issue(operations, batch);
    } else {
      notes_.Complete(operations, batch);
    }
  }
  return Status::Ok();
}

// What is lent to it, and no more: what the caller writes elsewhere meanwhile must not get lost.
// Inputs, too: a rank that was stopped goes on reading what the caller will write over.
void FusedExecutor::DetachBuffers(std::span<const ReadyOperation> operations,
                                  const FusionBatch& batch) {
  RegisteredMemory& memory = world_.registered();
  for (const std::uint32_t member : batch.members) {
    const auto& [response, entry] = operations[member];
    const Request& request = response->request;
    if (request.on_device) continue;
    if (!request.group_counts.empty()) {  // lies as it is packed, in place
      tensors_.clear();
      AppendTensors(operations[member]);
      memory.Detach(request.output_place, PackedSizeOf(tensors_));
      continue;
    }
    memory.Detach(request.output_place, entry.output.size_bytes());
    if (request.input_place != request.output_place) {
      memory.Detach(request.input_place, entry.input.size_bytes());
    }
  }
}

Status FusedExecutor::Drain(Deadline deadline) {
  return device_ == nullptr ? Status::Ok() : device_->Drain(std::move(deadline));
}

void FusedExecutor::Interrupt() {
  if (device_ != nullptr) device_->Interrupt();
}

void FusedExecutor::OnLateFailure(std::function<void(const Status&)> callback) {
  if (device_ != nullptr) device_->OnFailure(std::move(callback));
}

Tunables FusedExecutor::tunables() const {
  Tunables tunables;
  tunables.fusion_threshold_bytes = static_cast<std::int64_t>(threshold_bytes_);
  tunables.chunk_bytes = static_cast<std::int64_t>(world_.chunk_bytes());
  tunables.one_shot_bytes = world_.costs().one_shot_bytes;
  tunables.hierarchical = world_.hierarchical();
  return tunables;
}

void FusedExecutor::Apply(const Tunables& tunables) {
  if (world_.size() > 1) {
    threshold_bytes_ = static_cast<std::size_t>(tunables.fusion_threshold_bytes);
  }
  planner_.set_threshold_bytes(threshold_bytes_);
  world_.set_chunk_bytes(static_cast<std::size_t>(tunables.chunk_bytes));
  CostModel costs = world_.costs();
  costs.one_shot_bytes = tunables.one_shot_bytes;
  world_.set_costs(costs);
  world_.set_hierarchical(tunables.hierarchical);
  selector_.Forget();
}

std::string FusedExecutor::SceneOf(std::span<const ReadyOperation> operations,
                                   const FusionBatch& batch) const {
  const Request& first = operations[batch.members.front()].response->request;
  const std::size_t tensors = std::max(batch.members.size(), first.group_counts.size());
  return StrCat("rank ", world_.rank(), " ran ", Name(first.kind), " ",
                NamesText(first.name, tensors),
                algorithm_.empty() ? "" : StrCat(" by ", algorithm_));
}

Result<bool> FusedExecutor::RunBatch(std::span<ReadyOperation> operations,
                                     const FusionBatch& batch) {
  algorithm_ = {};
  ReadyOperation& first = operations[batch.members.front()];
  const Request& request = first.response->request;
  // Whoever is to be in it or not takes part in these.
  const bool is_about_sets = request.kind == OperationKind::kAddProcessSet ||
                             request.kind == OperationKind::kRemoveProcessSet;
  set_ = sets_.Find(is_about_sets ? kWorld : request.process_set);
  if (set_ == nullptr) {
    return Status::Internal(StrCat(Name(request.kind), " '", request.name, "' is of process set ",
                                   request.process_set, ", in which rank ", world_.rank(),
                                   " is not"));
  }
  if (request.on_device) return RunOnDevice(operations, batch);
  const bool alone = batch.members.size() == 1 && request.group_counts.empty();
  RONDE_RETURN_IF_ERROR(alone ? RunAlone(first) : RunFused(operations, batch));
  return false;
}

Result<bool> FusedExecutor::RunOnDevice(std::span<ReadyOperation> operations,
                                        const FusionBatch& batch) {
  if (device_ == nullptr) return Status::Internal("this executor was made without devices");
  Result<bool> is_under_way = device_->Run(operations, batch, context(), PieceBytes());
  if (!device_->algorithm().empty()) algorithm_ = device_->algorithm();
  return is_under_way;
}

Status FusedExecutor::RunOnHost(ReadyOperation& operation) {
  if (operation.response->request.group_counts.empty()) return RunAlone(operation);
  constexpr std::uint32_t kOnly = 0;
  return RunFused({&operation, 1}, {.members = {&kOnly, 1}});
}

void FusedExecutor::AppendTensors(const ReadyOperation& operation) {
  const TensorEntry& entry = operation.entry;
  const Request& request = operation.response->request;
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
  const Request& request = operations[batch.members.front()].response->request;
  if (!IsElementwise(request.op)) return RunOneByOne(request);
  if (batch.members.size() == 1 && request.output_place.registered()) {
    return RunWhereItLies(request);
  }
  if (batch.members.size() > 1 && !RunsTogether(request)) {
    for (const std::uint32_t member : batch.members) {
      RONDE_RETURN_IF_ERROR(RunOnHost(operations[member]));
    }
    return Status::Ok();
  }
  for (std::span<const PackedTensor> rest(tensors_); !rest.empty();) {
    const std::size_t count = FitTogether(rest, PieceBytes());
    RONDE_RETURN_IF_ERROR(RunPiece(request, rest.first(count)));
    rest = rest.subspan(count);
  }
  return Status::Ok();
}

// An algorithm that was asked for by name may need registered memory, which tensors may be in while
// their batch is not.
bool FusedExecutor::RunsTogether(const Request& request) {
  if (!request.output_place.registered()) return true;
  for (std::span<const PackedTensor> rest(tensors_); !rest.empty();) {
    const std::size_t count = FitTogether(rest, PieceBytes());
    AllreduceArguments arguments = ArgumentsFor(request);
    arguments.count =
        static_cast<std::int64_t>(PackedSizeOf(rest.first(count)) / SizeOf(request.dtype));
    if (!selector_.Choose(context(), arguments).ok()) return false;
    rest = rest.subspan(count);
  }
  return true;
}

std::size_t FusedExecutor::PieceBytes() { return context().size() == 1 ? 0 : threshold_bytes_; }

Status FusedExecutor::RunOneByOne(const Request& request) {
  AllreduceArguments arguments = PlacedArgumentsFor(request);
  for (const PackedTensor& tensor : tensors_) {
    arguments.input = tensor.input;
    arguments.output = tensor.output;
    arguments.count = static_cast<std::int64_t>(tensor.size_bytes / SizeOf(request.dtype));
    RONDE_RETURN_IF_ERROR(Allreduce(arguments));
    // In registered memory the members follow one another as they would be packed.
    for (MemoryPlace* place : {&arguments.input_place, &arguments.output_place}) {
      if (place->registered()) {
        place->offset += static_cast<std::int64_t>(PackedSize(tensor.size_bytes));
      }
    }
  }
  return Status::Ok();
}

Status FusedExecutor::RunWhereItLies(const Request& request) {
  RONDE_ASSIGN_OR_RETURN(const AllreduceArguments arguments,
                         ArgumentsWhereItLies(request, tensors_));
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
  arguments.count = static_cast<std::int64_t>(packed_bytes / SizeOf(request.dtype));
  RONDE_ASSIGN_OR_RETURN(const AllreduceAlgorithm* algorithm,
                         selector_.Choose(context(), arguments));
  if (algorithm->TakesPieces()) {
    SetPieces(tensors);
    arguments.pieces = pieces_;
    return Run(*algorithm, arguments);
  }
  std::byte* buffer = FindPacked(tensors);
  const bool packs = buffer == nullptr;
  if (packs) {
    buffer = buffer_.Acquire(request.dtype, packed_bytes);
    const BatchNotes::Phase phase = notes_.Time("PACK");
    Pack(tensors, buffer);
    bytes_packed_.fetch_add(packed_bytes, std::memory_order_relaxed);
  }
  arguments.input = buffer;
  arguments.output = buffer;
  RONDE_RETURN_IF_ERROR(Run(*algorithm, arguments));
  if (packs) {
    const BatchNotes::Phase phase = notes_.Time("UNPACK");
    Unpack(tensors, buffer);
  }
  return Status::Ok();
}

void FusedExecutor::SetPieces(std::span<const PackedTensor> tensors) {
  pieces_.clear();
  std::size_t begin = 0;
  for (const PackedTensor& tensor : tensors) {
    pieces_.push_back({tensor.input, tensor.output, begin, tensor.size_bytes});
    begin += PackedSize(tensor.size_bytes);
  }
}

Status FusedExecutor::RunAlone(ReadyOperation& operation) {
  const Request& request = operation.response->request;
  const TensorEntry& entry = operation.entry;
  switch (request.kind) {
    case OperationKind::kAllreduce: {
      AllreduceArguments arguments = PlacedArgumentsFor(request);
      arguments.input = entry.input.data;
      arguments.output = entry.output.data;
      return Allreduce(arguments);
    }
    case OperationKind::kBroadcast:
      return Broadcast(context(), {.data = entry.output.data,
                                   .size_bytes = entry.output.size_bytes(),
                                   .root = request.root,
                                   .place = request.output_place});
    case OperationKind::kAllgather:
      return set_->blocks.Gather(operation);
    case OperationKind::kBarrier:
      return Barrier(context());
    case OperationKind::kModelAverage:
      return AverageModel(operation);
    case OperationKind::kAllocate:
      return Allocate(operation);
    case OperationKind::kReducescatter:
      return set_->blocks.ReduceAndScatter(operation);
    case OperationKind::kAlltoall:
      return set_->blocks.Exchange(operation);
    case OperationKind::kJoin:
      return Status::Ok();
    case OperationKind::kAddProcessSet:
      return sets_.Add(request.process_set, request.members);
    case OperationKind::kRemoveProcessSet:
      if (device_ != nullptr) {
        RONDE_RETURN_IF_ERROR(device_->RemoveProcessSet(request.process_set));
      }
      sets_.Remove(request.process_set);
      return Status::Ok();
  }
  return Status::Internal(
      StrCat("operation '", request.name, "' is of unknown kind ", static_cast<int>(request.kind)));
}

Status FusedExecutor::Allocate(ReadyOperation& operation) {
  const auto size_bytes = static_cast<std::size_t>(operation.response->request.shape[0]);
  if (context().is_process_set()) {
    return Status::Internal("registered memory is allocated on all ranks of the world");
  }
  RONDE_ASSIGN_OR_RETURN(operation.entry.handle.mutable_result().memory,
                         world_.registered().Allocate(world_.communicator().local().transport(),
                                                      size_bytes, world_.NewDeadline()));
  return Status::Ok();
}

Status FusedExecutor::AverageModel(const ReadyOperation& operation) {
  const Request& request = operation.response->request;
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
    {
      const BatchNotes::Phase phase = notes_.Time("WIDEN");
      Widen(request.dtype, values, sums, piece);
    }
    AllreduceArguments arguments;
    arguments.input = sums;
    arguments.output = sums;
    arguments.count = piece;
    arguments.dtype = DataType::kFloat32;
    arguments.op = ReduceOp::kAverage;
    RONDE_RETURN_IF_ERROR(Allreduce(arguments));
    const BatchNotes::Phase phase = notes_.Time("NARROW");
    Narrow(request.dtype, sums, values, piece);
  }
  return Status::Ok();
}

Status FusedExecutor::Allreduce(const AllreduceArguments& arguments) {
  if (arguments.count == 0) return Status::Ok();  // on all ranks: the count is agreed
  RONDE_ASSIGN_OR_RETURN(const AllreduceAlgorithm* algorithm,
                         selector_.Choose(context(), arguments));
  return Run(*algorithm, arguments);
}

Status FusedExecutor::Run(const AllreduceAlgorithm& algorithm,
                          const AllreduceArguments& arguments) {
  algorithm_ = algorithm.name();
  const BatchNotes::Phase phase = notes_.Time(algorithm_);
  return algorithm.Run(context(), arguments);
}

}  // namespace ronde
