#include "bench/device/kernel_benchmarks.h"

namespace ronde::bench {

Status MeasureOptimizer(const KernelOptions& /*options*/, BenchDevice& /*device*/,
                        const KernelSink& /*sink*/) {
  return Status::Unavailable(
      "optimizer: this build has no libtorch frontend, whose kernels they are; leave it out with "
      "--only pack,reduce");
}

}  // namespace ronde::bench
