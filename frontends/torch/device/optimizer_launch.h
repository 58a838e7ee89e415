#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "core/base/strcat.h"
#include "core/device/launch.h"
#include "frontends/torch/device/optimizer_kernels.h"
#include "frontends/torch/device/sgd_kernel.h"
#include "frontends/torch/device/slowmo_kernel.h"

namespace ronde {

/// OptimizerKernels over a way of launching, `Launcher::Launch(stream, shape, kernel)`:
/// what the simulated and the CUDA implementation share.
template <class Launcher>
class LaunchedOptimizerKernels final : public OptimizerKernels {
 public:
  explicit LaunchedOptimizerKernels(int most_blocks) : most_blocks_(most_blocks) {}

  Status StepSgd(StreamView stream, std::span<const SgdRange> ranges,
                 const SgdSettings& settings) override {
    SgdKernel kernel;
    kernel.negative_rate = static_cast<float>(-settings.learning_rate);
    kernel.momentum = static_cast<float>(settings.momentum);
    kernel.share = static_cast<float>(1 - settings.dampening);
    kernel.has_momentum = settings.momentum != 0;
    kernel.nesterov = settings.nesterov;
    for (const SgdRange& range : ranges) {
      if (range.count == 0) continue;
      if (kernel.range_count == SgdKernel::kMostRanges) {
        RONDE_RETURN_IF_ERROR(Launch(stream, kernel, kernel.chunk_count));
        kernel.range_count = kernel.chunk_count = 0;
      }
      Append(range, kernel);
    }
    return kernel.range_count == 0 ? Status::Ok() : Launch(stream, kernel, kernel.chunk_count);
  }

  Status StepSlowMo(StreamView stream, const SlowMoStep& step) override {
    if (step.count == 0) return Status::Ok();
    SlowMoKernel kernel;
    kernel.slow_buffer = step.slow_buffer;
    kernel.anchor = step.anchor;
    kernel.weights = step.weights;
    kernel.count = step.count;
    kernel.slow_momentum = static_cast<float>(step.slow_momentum);
    kernel.gamma = static_cast<float>(step.gamma);
    kernel.negative_rate = static_cast<float>(-step.slow_lr * step.gamma);
    return Launch(stream, kernel, (step.count + SgdKernel::kChunk - 1) / SgdKernel::kChunk);
  }

 private:
  static void Append(const SgdRange& range, SgdKernel& kernel) {
    kernel.ranges[kernel.range_count++] = {range.weights, range.momentum,     range.gradients,
                                           range.count,   kernel.chunk_count, range.weight_decay};
    kernel.chunk_count +=
        static_cast<std::int32_t>((range.count + SgdKernel::kChunk - 1) / SgdKernel::kChunk);
  }

  template <class Kernel>
  Status Launch(StreamView stream, const Kernel& kernel, std::int64_t useful_blocks) const {
    const auto blocks = std::clamp<std::int64_t>(useful_blocks, 1, most_blocks_);
    return Launcher::Launch(stream, {static_cast<int>(blocks), Kernel::kMaxThreads}, kernel);
  }

  const int most_blocks_;
};

}  // namespace ronde
