#include "collectives/kernels/adasum_loops.h"

namespace ronde {

const ReduceKernels& BaselineReduceKernels() {
  static constexpr ReduceKernels kKernels = WithAdasum(MakeKernels("baseline"));
  return kKernels;
}

}  // namespace ronde
