#include "collectives/kernels/reduce_loops.h"

namespace ronde {

const ReduceKernels& BaselineReduceKernels() {
  static constexpr ReduceKernels kKernels = MakeKernels("baseline");
  return kKernels;
}

}  // namespace ronde
