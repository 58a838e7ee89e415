#include "collectives/kernels/reduce_loops.h"

namespace ronde {

const ReduceKernels& Avx512ReduceKernels() {
  static constexpr ReduceKernels kKernels = MakeKernels("avx512");
  return kKernels;
}

}  // namespace ronde
