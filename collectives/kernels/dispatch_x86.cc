#include "collectives/kernels/reduce_call.h"

namespace ronde {

const ReduceKernels& BestReduceKernels() {
  static const ReduceKernels& best = []() -> const ReduceKernels& {
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (avx512) return Avx512ReduceKernels();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    return avx2 ? Avx2ReduceKernels() : BaselineReduceKernels();
  }();
  return best;
}

}  // namespace ronde
