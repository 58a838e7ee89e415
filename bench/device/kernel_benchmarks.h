#pragma once

#include "bench/collectives/bench_device.h"
#include "bench/device/kernel_row.h"
#include "core/base/status.h"

namespace ronde::bench {

/// Packing and unpacking all gradients of a model: as they are, scaled, and cast to bfloat16 and
/// back; and tensors that begin at any element. Goal, of the plain ones: 85% of the copy, and at
/// most 3 launches. Errors: kInvalidArgument for an unknown model; those of the device.
Status MeasurePack(const KernelOptions& options, BenchDevice& device, const KernelSink& sink);

/// Reductions of 2 to 8 inputs that lie on this device. Goal: 85% of the bound.
Status MeasureReduce(const KernelOptions& options, BenchDevice& device, const KernelSink& sink);

/// Updates of parameters: Nesterov SGD, SlowMo's outer step, and both together. Goal: 85% of the
/// bound. Error: kUnavailable in a build without them.
Status MeasureOptimizer(const KernelOptions& options, BenchDevice& device, const KernelSink& sink);

}  // namespace ronde::bench
