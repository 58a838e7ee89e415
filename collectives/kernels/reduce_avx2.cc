#include "collectives/kernels/adasum_loops.h"

namespace ronde {

const ReduceKernels& Avx2ReduceKernels() {
  static constexpr ReduceKernels kKernels = WithAdasum(MakeKernels("avx2"));
  return kKernels;
}

}  // namespace ronde
