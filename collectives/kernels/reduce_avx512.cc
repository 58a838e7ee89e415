#include "collectives/kernels/adasum_loops.h"

namespace ronde {

const ReduceKernels& Avx512ReduceKernels() {
  static constexpr ReduceKernels kKernels = WithAdasum(MakeKernels("avx512"));
  return kKernels;
}

}  // namespace ronde
