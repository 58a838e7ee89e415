#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// A stretch of parameters in device memory: `count` float32 in each array, at any addresses.
struct SgdRange {
  float* weights = nullptr;
  float* momentum = nullptr;  ///< unused where SgdSettings::momentum is 0
  const float* gradients = nullptr;
  std::int64_t count = 0;
  float weight_decay = 0;
};

/// As torch::optim::SGD's options.
struct SgdSettings {
  double learning_rate = 0;
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;
  bool operator==(const SgdSettings&) const = default;
};

/// The outer step of slow momentum over flat float32 arrays; see SlowMo.
struct SlowMoStep {
  float* slow_buffer = nullptr;  ///< u
  float* anchor = nullptr;       ///< x0
  float* weights = nullptr;      ///< mean(w) before, x0 after
  std::int64_t count = 0;
  double slow_momentum = 0;  ///< beta
  double slow_lr = 1;        ///< alpha
  double gamma = 0;          ///< above 0
};

/// The optimizers' arithmetic on a device: each value is read once and written once. Results are
/// those of the CPU's operators (ATen's fused SGD, SlowMo's four operations), bit for bit where
/// those use fused multiply-add as the CPUs of today do; but for what is left of a tensor behind
/// its last whole vector, where ATen's SGD rounds otherwise. Calls give work to the stream and
/// return. Memory traffic: SGD 20 bytes per weight (12 without momentum), SlowMo 24. Errors:
/// kInvalidArgument for a stream of another device, kInternal from the driver. Thread rule:
/// immutable, thread-safe.
class OptimizerKernels {
 public:
  virtual ~OptimizerKernels() = default;

  /// One step over all ranges:
  ///   g <- g + decay w;  v <- mu v + (1 - dampening) g;  w <- w - lr (g + mu v | v)
  /// One launch for several hundred of them.
  [[nodiscard]] virtual Status StepSgd(StreamView stream, std::span<const SgdRange> ranges,
                                       const SgdSettings& settings) = 0;
  ///   u <- beta u + (x0 - w) / gamma;  x0 <- x0 - alpha gamma u;  w <- x0
  [[nodiscard]] virtual Status StepSlowMo(StreamView stream, const SlowMoStep& step) = 0;
};

/// For this kind of device. Error: kUnavailable for a CUDA device in a build without CUDA.
[[nodiscard]] Result<std::unique_ptr<OptimizerKernels>> CreateOptimizerKernels(Device& device);

}  // namespace ronde
