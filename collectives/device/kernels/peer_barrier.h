#pragma once

#include "collectives/device/kernels/block_barrier.h"
#include "core/device/space.h"

namespace ronde::kernels {

/// Nothing but a barrier of the first block of all ranks.
struct PeerBarrierKernel {
  static constexpr int kMaxThreads = 32;
  PeerSync sync;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    BlockBarrier<Space> barrier(space, sync);
    if (barrier.Wait()) barrier.Finish();
  }
};

}  // namespace ronde::kernels
