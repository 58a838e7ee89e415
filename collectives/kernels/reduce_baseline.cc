#include "collectives/kernels/adasum_loops.h"
#include "collectives/kernels/wire_loops.h"

namespace ronde {

const ReduceKernels& BaselineReduceKernels() {
  static constexpr ReduceKernels kKernels = WithWire(WithAdasum(MakeKernels("baseline")));
  return kKernels;
}

}  // namespace ronde
