#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/device/device_selector.h"
#include "collectives/selector.h"
#include "core/control/executor.h"
#include "tensor_fusion/batch_notes.h"
#include "tensor_fusion/device/device_executor.h"
#include "tensor_fusion/fusion_buffer.h"
#include "tensor_fusion/fusion_planner.h"
#include "tensor_fusion/pack.h"
#include "tensor_fusion/process_set_contexts.h"

namespace ronde {

/// Moves the data of agreed operations: plan -> allreduce -> complete, batch by batch. A batch of
/// one runs from its input to its output without copies. Several are gathered and scattered by the
/// algorithm itself where it stages data anyway; otherwise they are packed and unpacked around it,
/// unless they lie in memory as they would be packed (see FindPacked). A group that is above the
/// threshold runs in pieces within it. Model averages run in place; 16-bit ones are summed in
/// float32. What belongs to a process set runs among its ranks alone, in a context of its own; a
/// set is made and given up by all ranks of the world. What is in device memory is a
/// DeviceExecutor's. After a failure, registered memory is detached from the peers. Does not
/// allocate in the steady state (results that handles carry excepted). Thread rule: engine-only,
/// except Interrupt(), OnLateFailure(), FindOnDevice(), bytes_on_wire() and bytes_packed().
class FusedExecutor final : public Executor {
 public:
  /// `context`, of the world, must outlive the executor. Without a `device_selector` operations on
  /// device memory are kInternal.
  FusedExecutor(CollectiveContext& context, Selector selector, std::size_t fusion_threshold_bytes,
                std::optional<DeviceSelector> device_selector = std::nullopt);

  Status Execute(std::span<ReadyOperation> operations) override;
  void Observe(EngineObserver* observer) override { notes_.Observe(observer); }
  Status Drain(Deadline deadline) override;
  void Interrupt() override;
  void OnLateFailure(std::function<void(const Status&)> callback) override;

  /// Where these bytes lie in mapped device memory of the world's. Thread-safe.
  [[nodiscard]] MemoryPlace FindOnDevice(const void* data, std::size_t size_bytes) const {
    return device_ == nullptr ? MemoryPlace{} : device_->FindMemory(data, size_bytes);
  }

  /// All but the cycle time, which is not this executor's. A threshold of 0 on
  /// one rank alone stays 0; chunks are at most what CollectiveContext has allocated.
  [[nodiscard]] Tunables tunables() const override;
  void Apply(const Tunables& tunables) override;

  /// Bytes that left this rank for its peers, up to the last completed operation. Thread-safe.
  [[nodiscard]] std::uint64_t bytes_on_wire() const {
    return bytes_on_wire_.load(std::memory_order_relaxed);
  }
  /// Bytes that went through the fusion buffer, or a device's, padding included. Thread-safe.
  [[nodiscard]] std::uint64_t bytes_packed() const {
    return bytes_packed_.load(std::memory_order_relaxed) +
           (device_ == nullptr ? 0 : device_->bytes_packed());
  }

 private:
  /// What this rank was doing, for messages.
  [[nodiscard]] std::string SceneOf(std::span<const ReadyOperation> operations,
                                    const FusionBatch& batch) const;
  /// Whether it is on its way to be done, see DeviceExecutor; else it is done.
  Result<bool> RunBatch(std::span<ReadyOperation> operations, const FusionBatch& batch);
  Result<bool> RunOnDevice(std::span<ReadyOperation> operations, const FusionBatch& batch);
  /// An operation whose buffers are in host memory.
  Status RunOnHost(ReadyOperation& operation);
  Status RunFused(std::span<ReadyOperation> operations, const FusionBatch& batch);
  void AppendTensors(const ReadyOperation& operation);
  /// Allreduces every tensor of tensors_, a group, for itself.
  Status RunOneByOne(const Request& request);
  /// Allreduces tensors_, which lie as they would be packed in registered memory of all ranks.
  Status RunWhereItLies(const Request& request);
  /// Allreduces `tensors`, all of the kind of `request`, as one.
  /// Whether tensors_, members of several operations like `request`, can be one.
  bool RunsTogether(const Request& request);
  Status RunPiece(const Request& request, std::span<const PackedTensor> tensors);
  /// After a failure of the batch, see RegisteredMemory::Detach.
  void DetachBuffers(std::span<const ReadyOperation> operations, const FusionBatch& batch);
  /// Sets pieces_ to `tensors`, laid out as they would be packed.
  void SetPieces(std::span<const PackedTensor> tensors);
  Status RunAlone(ReadyOperation& operation);
  Status Allocate(ReadyOperation& operation);
  Status AverageModel(const ReadyOperation& operation);
  /// Sums 16-bit values in float32, through a staging buffer of bounded size.
  Status AverageWidened(const Request& request, std::byte* parameters);
  Status Allreduce(const AllreduceArguments& arguments);
  Status Run(const AllreduceAlgorithm& algorithm, const AllreduceArguments& arguments);

  /// What the batch at hand runs on.
  [[nodiscard]] CollectiveContext& context() { return set_->context; }
  /// Up to which size tensors of the batch at hand are brought together.
  [[nodiscard]] std::size_t PieceBytes();

  CollectiveContext& world_;
  ProcessSetContexts sets_;
  ProcessSetContext* set_;  // of the batch at hand
  Selector selector_;
  std::size_t threshold_bytes_;
  FusionPlanner planner_;
  FusionBuffer buffer_;
  BatchNotes notes_;
  std::string_view algorithm_;          // that runs, or ran last in this batch
  std::vector<PackedTensor> tensors_;   // of the batch at hand
  std::vector<AllreducePiece> pieces_;  // of the part of it that runs
  // Relaxed: statistics; whoever has waited for a handle is ordered behind their stores by the
  // handle's mutex.
  std::atomic<std::uint64_t> bytes_on_wire_{0};
  std::atomic<std::uint64_t> bytes_packed_{0};
  std::unique_ptr<DeviceExecutor> device_;  // may be null; last: it calls back
};

}  // namespace ronde
