#pragma once

#include <string>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/device/device_costs.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// What algorithms may ask about the devices of a group. Plain data, agreed when its DeviceContext
/// was made: equal on all ranks.
struct DeviceFacts {
  DeviceKind kind = DeviceKind::kCuda;
  /// On every host, the kernels of each rank reach the memory of all its other ranks.
  bool peers_reach_each_other = false;
  /// No two ranks work on one device.
  bool devices_are_distinct = false;
  /// The slowest between two ranks of a host.
  DeviceLinkKind link = DeviceLinkKind::kPcie;
  /// The transport of every rank sends device memory to other hosts as it is.
  bool gpu_direct = false;
  /// NCCL_VERSION_CODE of the NCCL that all ranks have; 0 where one has none or another.
  int nccl_version = 0;
  /// The most blocks that a kernel may have that waits for peers: however many such kernels of
  /// however many ranks are on one device, all of their blocks run.
  int peer_blocks = 1;
};

/// The facts, and what only this host knows.
struct DeviceAgreement {
  DeviceFacts facts;
  std::vector<std::string> local_names;  ///< by local rank, for messages: "rank 3 on host a"
};

/// What a rank brings along.
struct DevicePart {
  Device* device = nullptr;  ///< null: none
  Status usable;             ///< else why the device cannot be used
  int world_rank = 0;        ///< how this rank is called in messages
  bool gpu_direct = false;   ///< what its transport says of device memory
  int channels = 1;
};

/// Collective over `group`: everything but peers_reach_each_other. Errors on all ranks alike:
/// kInvalidArgument where some rank has no device, or one of another kind; kUnavailable where one
/// cannot be used; kTimeout, kAborted.
[[nodiscard]] Result<DeviceAgreement> AgreeOnDevices(CollectiveContext& group,
                                                     const DevicePart& part);

/// Collective over `group`: whether `reachable` is true on all ranks. `failure` of one is the error
/// of all.
[[nodiscard]] Result<bool> AgreeOnReach(CollectiveContext& group, const Status& failure,
                                        bool reachable);

}  // namespace ronde
