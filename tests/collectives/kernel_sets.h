#pragma once

#include <vector>

#include "collectives/kernels/reduce_call.h"

namespace ronde {

/// Every set of kernels that this CPU can run, the best one last.
inline std::vector<const ReduceKernels*> KernelSets() {
  std::vector<const ReduceKernels*> sets = {&BaselineReduceKernels()};
#if defined(__x86_64__)
  if (&BestReduceKernels() != sets[0]) sets.push_back(&Avx2ReduceKernels());
#endif
  if (&BestReduceKernels() != sets.back()) sets.push_back(&BestReduceKernels());
  return sets;
}

}  // namespace ronde
