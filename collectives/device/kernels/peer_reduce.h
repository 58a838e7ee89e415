#pragma once

#include "collectives/device/kernels/block_barrier.h"
#include "collectives/device/kernels/reduce_range.h"
#include "core/device/space.h"

namespace ronde::kernels {

/// What one-shot and two-shot allreduce have in common: a barrier, a reduction of a range, and
/// perhaps another barrier. Block b takes the b-th part of the range. See one_shot.h and
/// two_shot.h.
template <typename Element, typename Op, int kInputs, int kOutputs>
struct PeerReduceKernel {
  Operands<Element> operands;
  ElementRange range;
  bool closing_barrier;
  PeerSync sync;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    BlockBarrier<Space> barrier(space, sync);
    if (!barrier.Wait()) return;
    const ElementRange part =
        BlockPartOf(range, sizeof(typename Element::Storage), space.blocks(), space.block());
    RangeReducer<Element, Op, kInputs, kOutputs>(operands, part, space.thread(), space.threads())
        .Run();
    if (closing_barrier && !barrier.Wait()) return;
    barrier.Finish();
  }
};

}  // namespace ronde::kernels
