#include "collectives/kernels/adasum_loops.h"
#include "collectives/kernels/wire_loops.h"

namespace ronde {

const ReduceKernels& Avx512ReduceKernels() {
  static constexpr ReduceKernels kKernels = WithWire(WithAdasum(MakeKernels("avx512")));
  return kKernels;
}

}  // namespace ronde
