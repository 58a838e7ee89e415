#include "bench/collectives/bound_kernels/memory_kernels.h"
#include "collectives/reduce_kernels.h"

namespace ronde::bench {

const MemoryKernels& BestMemoryKernels() {
  if (ReduceInstructionSet() == "avx512") return Avx512MemoryKernels();
  if (ReduceInstructionSet() == "avx2") return Avx2MemoryKernels();
  return BaselineMemoryKernels();
}

}  // namespace ronde::bench
