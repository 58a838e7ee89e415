#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/device/device_channel.h"
#include "collectives/device/device_costs.h"
#include "collectives/device/device_facts.h"
#include "collectives/device/mapped_memory.h"
#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

class DeviceKernels;

/// Something that an algorithm keeps with a context once it has made it: NCCL's communicator, the
/// buffers of a plan.
class DeviceCompanion {
 public:
  virtual ~DeviceCompanion() = default;
  /// Any thread: ends what waits on the device for peers, and does not wait itself.
  virtual void Abort() = 0;
  /// Any thread: what has gone wrong by now, or kOk.
  [[nodiscard]] virtual Status fault() { return Status::Ok(); }
};

/// Two batches at a time: the pack of one fills what the other's wait for peers leaves idle. More
/// would only make kernels that wait for peers compete for the same processors.
inline constexpr int kDeviceChannels = 2;

/// One group of ranks with one device each (several ranks may share one): what every device
/// collective works on. Neither copied nor moved.
/// Thread rule: engine-only, except Abort(), TakeFault(), fault() and Find(), which any thread may
/// call.
class DeviceContext {
 public:
  struct Options {
    int channels = kDeviceChannels;
    /// Of each half of a channel's staging: the fusion threshold. Equal on all ranks; memory is
    /// taken when it is first used.
    std::size_t staging_bytes = 64 << 20;
  };

  /// Collective over all ranks of `group`, at the same place of the agreed order. `device` is null
  /// on a rank that has none. `group` and `device` must outlive the context. Costs and thresholds
  /// are those of group.tuning(), where it has any for devices. Errors on all ranks alike:
  /// kInvalidArgument where some rank has no device, or one of another kind, kUnavailable where one
  /// cannot be used; kTimeout, kAborted.
  [[nodiscard]] static Result<std::unique_ptr<DeviceContext>> Create(CollectiveContext& group,
                                                                     Device* device,
                                                                     const Options& options);
  /// A process set's view of `world`, which must outlive it: with channels of its own; mapped
  /// memory, device and costs are the world's. Collective over the ranks of `group`.
  [[nodiscard]] static Result<std::unique_ptr<DeviceContext>> CreateWithin(
      DeviceContext& world, CollectiveContext& group);
  ~DeviceContext();
  DeviceContext(const DeviceContext&) = delete;
  DeviceContext& operator=(const DeviceContext&) = delete;

  [[nodiscard]] CollectiveContext& group() { return *group_; }
  [[nodiscard]] int rank() const { return group_->rank(); }
  [[nodiscard]] int size() const { return group_->size(); }
  [[nodiscard]] Device& device() { return *device_; }
  [[nodiscard]] DeviceKernels& kernels() { return *kernels_; }
  [[nodiscard]] const DeviceFacts& facts() const { return facts_; }
  [[nodiscard]] const DeviceCosts& costs() const { return world_->costs_; }
  /// For who measures them, with the same values on all ranks.
  void set_costs(const DeviceCosts& costs) { world_->costs_ = costs; }

  [[nodiscard]] int channels() const { return static_cast<int>(channels_.size()); }
  /// Batch i of the agreed order runs on channel(i mod channels()).
  [[nodiscard]] DeviceChannel& channel(int number) {
    return *channels_[static_cast<std::size_t>(number)];
  }

  /// The blocks for a kernel that waits for peers and would like `wanted`; equal on all ranks.
  [[nodiscard]] int PeerBlocks(int wanted) const { return std::min(wanted, facts_.peer_blocks); }

  // --- Mapped memory.
  /// Collective over the world: see MappedDeviceMemory::Allocate.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> Allocate(std::size_t size_bytes);
  /// Any thread: where these bytes lie in what Allocate has given out.
  [[nodiscard]] MemoryPlace Find(const void* data, std::size_t size_bytes) const {
    return world_->memory_.Find(data, size_bytes);
  }
  /// The address of `place` (of Find or of a StagingHalf of this context) in the memory of each
  /// rank of this host in group(): `parts` has an element for each. Error: kInternal where it is
  /// not mapped, or given back.
  [[nodiscard]] Status Peers(const MemoryPlace& place, std::span<std::byte*> parts) const;

  // --- What algorithms keep.
  /// Of this name, or null.
  [[nodiscard]] DeviceCompanion* companion(std::string_view name) const;
  /// Aborted at once where the context has been. Companions go before the channels, the last first.
  DeviceCompanion& Keep(std::string name, std::unique_ptr<DeviceCompanion> companion);

  // --- Failures.
  /// Any thread: everything that waits on the device for peers ends, now and later, in process sets
  /// too. There is no way back.
  void Abort();
  /// Any thread, when the work of `channel` has got to where it is looked at: what a kernel on it
  /// or a companion reported, or kOk.
  [[nodiscard]] Status TakeFault(const DeviceChannel& channel) const;
  /// After Abort(), when a collective has failed: see MappedDeviceMemory::Detach.
  void Detach();

 private:
  DeviceContext(CollectiveContext& group, Device& device, DeviceContext* world);

  Status Open(const Options& options);
  /// Everything that concerns this rank alone.
  Status PrepareOwnPart(int channels);
  /// Connects them to the peers, if there is a way.
  Status OpenChannels();

  CollectiveContext* group_;
  Device* device_;
  DeviceContext* world_;
  std::size_t staging_bytes_ = 0;
  std::unique_ptr<DeviceKernels> owned_kernels_;  // the world's
  DeviceKernels* kernels_ = nullptr;
  DeviceFacts facts_;
  DeviceCosts costs_;  // the world's count
  std::vector<std::string> local_names_;
  MappedDeviceMemory memory_;   // the world's: what Allocate gives out
  MappedDeviceMemory staging_;  // flags and staging of the channels
  std::shared_ptr<std::byte> flags_;
  std::vector<std::unique_ptr<DeviceChannel>> channels_;

  mutable std::mutex mutex_;
  bool aborted_ = false;               // guarded by mutex_
  std::vector<DeviceContext*> views_;  // guarded by mutex_; the world's process sets
  std::vector<std::pair<std::string, std::unique_ptr<DeviceCompanion>>>
      companions_;  // guarded by mutex_
};

}  // namespace ronde
