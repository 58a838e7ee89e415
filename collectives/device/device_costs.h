#pragma once

#include <cstdint>

#include "collectives/cost_model.h"

namespace ronde {

/// What connects the devices of a host; the slowest of the pairs counts.
enum class DeviceLinkKind : std::uint8_t {
  kSameDevice = 0,  ///< all ranks work on one device
  kNvLink = 1,
  kPcie = 2,
};

/// What device algorithms are judged by, and the sizes at which they change their ways. Plain data,
/// equal on all ranks. The defaults come from data sheets, not from measurements; what
/// `ronde-bench --calibrate --device` has measured replaces them (see TuningFile).
struct DeviceCosts {
  /// Kernels of one host's devices: alpha is a launch and the barrier in it, beta a byte loaded
  /// from or stored to a peer, gamma a byte reduced.
  LinkCost peer;
  /// A call of NCCL: alpha is the whole call of a few bytes, beta a byte of its "bus", gamma 0.
  LinkCost nccl;
  /// Between the device and pinned host memory: alpha is a copy's start, beta a byte.
  LinkCost host_copy;
  /// Up to this size cuda_ipc reduces in one shot.
  std::int64_t one_shot_bytes = 0;

  friend bool operator==(const DeviceCosts&, const DeviceCosts&) = default;
};

/// Unmeasured: for the `ranks` of a host over this kind of link.
[[nodiscard]] DeviceCosts DefaultDeviceCosts(DeviceLinkKind link, int ranks);

/// The size at which one shot, which has a barrier less, costs as much as two, which move less.
[[nodiscard]] std::int64_t DeviceOneShotBytes(const LinkCost& peer, int ranks);

}  // namespace ronde
