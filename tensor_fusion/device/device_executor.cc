#include "tensor_fusion/device/device_executor.h"

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/message.h"

namespace ronde {
namespace {

// How long to wait for a device whose job has ended.
constexpr double kLastWaitS = 5;

}  // namespace

DeviceExecutor::DeviceExecutor(CollectiveContext& world, DeviceSelector selector,
                               std::size_t staging_bytes, BatchNotes& notes,
                               StagedOperations::RunOnHost run_on_host)
    : world_(world),
      selector_(std::move(selector)),
      notes_(notes),
      run_on_host_(std::move(run_on_host)),
      contexts_(staging_bytes),
      allreduce_(selector_, notes),
      movement_(notes),
      staged_(
          run_on_host_, [this] { return finalizer_.interrupted(); }, notes) {}

DeviceExecutor::~DeviceExecutor() {
  static_cast<void>(WaitForFlights(Deadline::After(kLastWaitS)));
}

Result<bool> DeviceExecutor::Run(Operations operations, const FusionBatch& batch,
                                 CollectiveContext& group, std::size_t piece_bytes) {
  allreduce_.ForgetAlgorithm();
  flight_ = finalizer_.NewFlight();
  stream_ = {};
  if (finalizer_.interrupted()) return Status::Aborted("the job has ended");
  Result<bool> is_under_way = Start(operations, batch, group, piece_bytes);
  // What has been given to the stream before it failed uses the caller's buffers, too: Drain has to
  // wait for it.
  if (!is_under_way.ok() && stream_.device != nullptr && Depart(nullptr).ok()) {
    finalizer_.Add(std::exchange(flight_, {}));
  }
  return is_under_way;
}

Result<bool> DeviceExecutor::Start(Operations operations, const FusionBatch& batch,
                                   CollectiveContext& group, std::size_t piece_bytes) {
  RONDE_RETURN_IF_ERROR(OpenDevice(operations, batch));
  ReadyOperation& first = operations[batch.members.front()];
  const Request& request = first.response->request;
  if (request.kind == OperationKind::kAllocate) {
    RONDE_RETURN_IF_ERROR(Allocate(first, group));
    return false;
  }
  RONDE_ASSIGN_OR_RETURN(DeviceContexts::Entry* const entry, OpenContext(request, group));
  if (entry != nullptr) {
    const DeviceLane lane = {*entry->context, entry->NextChannel()};
    RONDE_ASSIGN_OR_RETURN(const bool has_run, RunOnChannel(lane, operations, batch, piece_bytes));
    bytes_packed_.store(allreduce_.bytes_packed(), std::memory_order_relaxed);
    if (has_run) {
      RONDE_RETURN_IF_ERROR(Depart([context = &lane.context, channel = &lane.channel] {
        return context->TakeFault(*channel);
      }));
      return true;
    }
  }
  return RunStaged(operations, batch, group);
}

Status DeviceExecutor::OpenDevice(Operations operations, const FusionBatch& batch) {
  for (const std::uint32_t member : batch.members) {
    Device* const device = operations[member].entry.device;
    if (device == nullptr || device == device_) continue;
    if (device_ != nullptr) {
      return Status::Internal(StrCat("tensor '", operations[member].response->request.name,
                                     "' is on a second device of this rank"));
    }
    device_ = device;
    RONDE_ASSIGN_OR_RETURN(kernels_, CreatePackKernels(*device));
    allreduce_.UseKernels(*kernels_);
    events_.emplace(*device);
  }
  return Status::Ok();
}

Status DeviceExecutor::Allocate(ReadyOperation& operation, CollectiveContext& group) {
  const Request& request = operation.response->request;
  if (request.process_set != kWorld) {
    return Status::Internal("mapped memory is allocated on all ranks of the world");
  }
  RONDE_ASSIGN_OR_RETURN(DeviceContexts::Entry* const world,
                         contexts_.Open(kWorld, group, device_));
  if (world == nullptr) {
    operation.entry.handle.Complete(Status::InvalidArgument(
        StrCat("'", request.name, "': all ranks have to allocate on the same kind of device")));
    return Status::Ok();
  }
  RONDE_ASSIGN_OR_RETURN(operation.entry.handle.mutable_result().memory,
                         world->context->Allocate(static_cast<std::size_t>(request.shape[0])));
  return Status::Ok();
}

Result<DeviceContexts::Entry*> DeviceExecutor::OpenContext(const Request& request,
                                                           CollectiveContext& group) {
  if (contexts_.Outdated(request.process_set)) {
    RONDE_RETURN_IF_ERROR(RemoveProcessSet(request.process_set));
  }
  return contexts_.Open(request.process_set, group, device_);
}

Status DeviceExecutor::Depart(std::function<Status()> check) {
  flight_.check = std::move(check);
  RONDE_ASSIGN_OR_RETURN(flight_.done, events_->Record(stream_));
  return Status::Ok();
}

void DeviceExecutor::Issue(std::span<const ReadyOperation> operations, const FusionBatch& batch) {
  for (const std::uint32_t member : batch.members) {
    const Handle& handle = operations[member].entry.handle;
    if (handle.Poll()) continue;  // refused, see BlockOperations
    flight_.handles.push_back(handle);
    handle.Issue(flight_.done);
  }
  finalizer_.Add(std::exchange(flight_, {}));
}

Status DeviceExecutor::RemoveProcessSet(int process_set) {
  if (contexts_.Find(process_set) == nullptr) return Status::Ok();
  RONDE_RETURN_IF_ERROR(WaitForFlights(world_.NewDeadline()));
  RONDE_RETURN_IF_ERROR(contexts_.MeetPeers(process_set, world_.NewDeadline()));
  contexts_.Remove(process_set);
  return Status::Ok();
}

Status DeviceExecutor::Drain(Deadline deadline) {
  const Status status = WaitForFlights(std::move(deadline));
  if (!status.ok() || finalizer_.interrupted()) return status;
  // Who leaves first must not take away what others still read.
  if (!contexts_.MeetPeers(Deadline::After(kLastWaitS)).ok()) contexts_.Detach();
  return status;
}

Status DeviceExecutor::WaitForFlights(Deadline deadline) {
  // What was interrupted ends soon, or never.
  const bool hurries = finalizer_.interrupted() && deadline.RemainingNs() > kLastWaitS * 1e9;
  if (hurries) deadline = Deadline::After(kLastWaitS);
  const Status status =
      finalizer_.Drain(deadline, [this] { return world_.transport().CheckLiveness(); });
  if (status.ok() && !finalizer_.interrupted()) return status;
  contexts_.Abort();
  contexts_.Detach();
  return status;
}

void DeviceExecutor::Interrupt() {
  finalizer_.Interrupt();
  contexts_.Abort();
}

}  // namespace ronde
