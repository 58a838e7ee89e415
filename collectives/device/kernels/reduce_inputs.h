#pragma once

#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/kernels/operands.h"
#include "collectives/device/kernels/peer_reduce.h"
#include "collectives/device/kernels/reduce_range.h"
#include "core/device/space.h"

namespace ronde::kernels {

/// Reduces inputs that are all there already: bound by the device's memory, (k + 1) n bytes. The
/// elements are dealt out to all threads of all blocks in turn.
template <typename Element, typename Op, int kInputs>
struct ReduceInputsKernel {
  Operands<Element> operands;  ///< one output
  std::int64_t count;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    RangeReducer<Element, Op, kInputs, 1>(operands, {0, count}, FirstOf(space), StepOf(space))
        .Run();
  }
};

/// What has no kernel of its own takes that of the allreduce, without peers: half the code.
template <typename Element, typename Op, int kInputs>
auto MakeReduceInputs(const InputReduction& call) {
  Operands<Element> operands = InputsOf<Element>(call, call.input_count);
  AddOutput(call.output, &operands);
  if constexpr (kInputs == 0) {
    return PeerReduceKernel<Element, Op, 0, 0>{.operands = operands, .range = {0, call.count}};
  } else {
    return ReduceInputsKernel<Element, Op, kInputs>{operands, call.count};
  }
}

}  // namespace ronde::kernels
