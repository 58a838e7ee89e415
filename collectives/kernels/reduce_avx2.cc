#include "collectives/kernels/adasum_loops.h"
#include "collectives/kernels/wire_loops.h"

namespace ronde {

const ReduceKernels& Avx2ReduceKernels() {
  static constexpr ReduceKernels kKernels = WithWire(WithAdasum(MakeKernels("avx2")));
  return kKernels;
}

}  // namespace ronde
