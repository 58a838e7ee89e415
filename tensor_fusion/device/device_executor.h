#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/device/device_selector.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/control/executor.h"
#include "core/device/event.h"
#include "tensor_fusion/batch_notes.h"
#include "tensor_fusion/device/device_allreduce.h"
#include "tensor_fusion/device/device_contexts.h"
#include "tensor_fusion/device/device_movement.h"
#include "tensor_fusion/device/finalizer.h"
#include "tensor_fusion/device/pack_kernels.h"
#include "tensor_fusion/device/staged_operations.h"
#include "tensor_fusion/device/stand_in_memory.h"
#include "tensor_fusion/fusion_planner.h"
#include "tensor_fusion/pack.h"

namespace ronde {

/// Runs batches of device memory: gives the work to a stream and issues the handles, without
/// waiting for the device. Batch i of a process set runs on its context's channel i mod n, after
/// the events at which the members' values are there; one event of the pool says when it is done,
/// and the finalizer completes the handles then. What has no form on the device is staged through
/// the host, and so is everything of a set that has a rank without a device (one that has joined
/// before it came with any).
///
/// A rank has one device, that of its first operation. Thread rule: engine-only, except
/// Interrupt(), OnFailure() and FindMemory(), which any thread may call.
class DeviceExecutor {
 public:
  /// `world` and `notes` must outlive this. `staging_bytes`, of each half of a channel's staging,
  /// is equal on all ranks; `run_on_host` runs what is staged through host memory.
  DeviceExecutor(CollectiveContext& world, DeviceSelector selector, std::size_t staging_bytes,
                 BatchNotes& notes, StagedOperations::RunOnHost run_on_host);
  /// Waits for what is on the device, for a while.
  ~DeviceExecutor();

  /// A batch of one process set, whose ranks are `group`. True: it is on its way, and Issue has to
  /// follow; false: it is done, and the caller completes the handles. Tensors are brought together
  /// up to `piece_bytes`.
  Result<bool> Run(std::span<ReadyOperation> operations, const FusionBatch& batch,
                   CollectiveContext& group, std::size_t piece_bytes);
  /// Issues the handles of that batch, and leaves the rest to the finalizer.
  void Issue(std::span<const ReadyOperation> operations, const FusionBatch& batch);
  /// What the set has on the device goes. Collective over its ranks; waits until all are idle.
  Status RemoveProcessSet(int process_set);

  /// What ran last in this batch, or "".
  [[nodiscard]] std::string_view algorithm() const { return allreduce_.algorithm(); }
  /// Thread-safe.
  [[nodiscard]] std::uint64_t bytes_packed() const {
    return bytes_packed_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] MemoryPlace FindMemory(const void* data, std::size_t size_bytes) const {
    return contexts_.FindMemory(data, size_bytes);
  }

  // See Executor.
  /// Where nothing has failed, also until all ranks are there: collective, at the session's end.
  Status Drain(Deadline deadline);
  void Interrupt();
  void OnFailure(Finalizer::FailureCallback callback) { finalizer_.OnFailure(std::move(callback)); }

 private:
  using Operations = std::span<ReadyOperation>;

  Status WaitForFlights(Deadline deadline);
  Result<bool> Start(Operations operations, const FusionBatch& batch, CollectiveContext& group,
                     std::size_t piece_bytes);
  /// The device of this rank from now on; null where it has none yet.
  Status OpenDevice(Operations operations, const FusionBatch& batch);
  Status Allocate(ReadyOperation& operation, CollectiveContext& group);
  /// Null: to be staged.
  Result<DeviceContexts::Entry*> OpenContext(const Request& request, CollectiveContext& group);

  /// On a channel; false: there is no form of it for the device.
  Result<bool> RunOnChannel(const DeviceLane& lane, Operations operations, const FusionBatch& batch,
                            std::size_t piece_bytes);
  Result<bool> RunAlone(const DeviceLane& lane, ReadyOperation& operation);
  /// Through host memory; false: nothing of it is on the device any more.
  Result<bool> RunStaged(Operations operations, const FusionBatch& batch, CollectiveContext& group);
  Result<bool> RunWithoutDevice(Operations operations, const FusionBatch& batch);

  // With the stream of the batch at hand.
  void UseStream(StreamView stream);
  /// Sets tensors_, and makes the stream wait for the values.
  Status Gather(Operations operations, const FusionBatch& batch);
  void AppendTensors(const ReadyOperation& operation);
  /// Buffers of this device in place of those of a rank that has joined.
  Status StandIn(ReadyOperation& operation);
  Status HoldUp(const std::shared_ptr<const Event>& ready);
  /// Completes flight_: all that the stream has been given.
  Status Depart(std::function<Status()> check);

  CollectiveContext& world_;
  const DeviceSelector selector_;
  BatchNotes& notes_;
  const StagedOperations::RunOnHost run_on_host_;
  DeviceContexts contexts_;
  Device* device_ = nullptr;
  std::unique_ptr<PackKernels> kernels_;
  std::optional<EventPool> events_;
  std::map<void*, StandInMemory> stand_ins_;  // by stream
  DeviceAllreduce allreduce_;
  DeviceMovement movement_;
  StagedOperations staged_;
  // Of the batch at hand.
  StreamView stream_;
  std::vector<PackedTensor> tensors_;
  const Event* held_up_by_ = nullptr;
  Flight flight_;
  // Relaxed: a statistic, see FusedExecutor.
  std::atomic<std::uint64_t> bytes_packed_{0};
  Finalizer finalizer_;  // last: its thread uses the contexts
};

}  // namespace ronde
