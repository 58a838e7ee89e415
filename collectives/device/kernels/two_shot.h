#pragma once

#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/kernels/operands.h"
#include "collectives/device/kernels/peer_reduce.h"

namespace ronde::kernels {

/// Two-shot allreduce by pushing: when all inputs are there, rank r reduces the r-th shard of all
/// of them and writes the result to all outputs; then all wait until everybody has done so. Block b
/// takes the b-th part of the shard.
///
///     inputs of rank 0..p-1   [ A0 A1 A2 ] [ B0 B1 B2 ] [ C0 C1 C2 ]    rank r reads shard r: n
///                                   \            |            /
///     rank 1                              A1 + B1 + C1
///                                   /            |            \         and writes it p times: n
///     outputs                 [ .. S1 .. ] [ .. S1 .. ] [ .. S1 .. ]
///
/// An element is read and written by one thread of one rank only, so the outputs may be the inputs.
/// Latency: two barriers.
template <typename Element, typename Op, int kInputs>
auto MakeTwoShot(const PeerReduction& call) {
  const int ranks = call.sync.ranks;
  const int rank = call.sync.rank;
  PeerReduceKernel<Element, Op, kInputs, kInputs> kernel = {
      .operands = InputsOf<Element>(call, ranks),
      .range = ShardOf(call.count, sizeof(typename Element::Storage), ranks, rank),
      .closing_barrier = true,
      .sync = call.sync};
  // Its own first, so that not all begin with rank 0's.
  for (int k = 0; k < ranks; ++k) AddOutput(call.outputs[(rank + k) % ranks], &kernel.operands);
  return kernel;
}

}  // namespace ronde::kernels
