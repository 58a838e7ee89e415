#include "collectives/kernels/reduce_loops.h"

namespace ronde {

const ReduceKernels& Avx2ReduceKernels() {
  static constexpr ReduceKernels kKernels = MakeKernels("avx2");
  return kKernels;
}

}  // namespace ronde
