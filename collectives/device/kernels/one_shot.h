#pragma once

#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/kernels/operands.h"
#include "collectives/device/kernels/peer_reduce.h"

namespace ronde::kernels {

/// One-shot allreduce: when all inputs are there, each rank reads all of them and writes its own
/// output. Block b takes the b-th part of the elements.
///
///     inputs of rank 0..p-1   [ A ] [ B ] [ C ]     each rank reads p n bytes
///                               \     |     /
///     output of every rank     [ A + B + C ]        and writes n
///
/// Latency: one barrier; two if `closing_barrier`.
template <typename Element, typename Op, int kInputs>
auto MakeOneShot(const PeerReduction& call) {
  PeerReduceKernel<Element, Op, kInputs, kInputs == 0 ? 0 : 1> kernel = {
      .operands = InputsOf<Element>(call, call.sync.ranks),
      .range = {0, call.count},
      .closing_barrier = call.closing_barrier,
      .sync = call.sync};
  AddOutput(call.outputs[call.sync.rank], &kernel.operands);
  return kernel;
}

}  // namespace ronde::kernels
