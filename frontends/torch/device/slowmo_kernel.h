#pragma once

#include <cstdint>

#include "core/device/space.h"
#include "frontends/torch/device/float_quad.h"

namespace ronde {

/// The outer step of slow momentum; see OptimizerKernels::StepSlowMo.
struct SlowMoKernel {
  static constexpr int kMaxThreads = 256;

  float* slow_buffer = nullptr;
  float* anchor = nullptr;
  float* weights = nullptr;
  std::int64_t count = 0;
  float slow_momentum = 0;
  float gamma = 1;
  float negative_rate = 0;  ///< -alpha gamma

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    const std::int64_t border = ToQuadBorder(weights);
    const bool alike = SameQuadOffset(weights, anchor) && SameQuadOffset(weights, slow_buffer);
    const std::int64_t head = alike && border < count ? border : count;
    const std::int64_t quads = (count - head) / kQuad;
    for (std::int64_t i = FirstOf(space); i < head; i += StepOf(space)) {
      Step(slow_buffer[i], anchor[i], weights[i]);
    }
    for (std::int64_t i = FirstOf(space); i < quads; i += StepOf(space)) {
      StepQuad(head + i * kQuad);
    }
    for (std::int64_t i = head + quads * kQuad + FirstOf(space); i < count; i += StepOf(space)) {
      Step(slow_buffer[i], anchor[i], weights[i]);
    }
  }

 private:
  RONDE_DEVICE_CODE void StepQuad(std::int64_t first) const {
    FloatQuad u = *reinterpret_cast<const FloatQuad*>(slow_buffer + first);
    FloatQuad x = *reinterpret_cast<const FloatQuad*>(anchor + first);
    FloatQuad w = *reinterpret_cast<const FloatQuad*>(weights + first);
    for (int i = 0; i < kQuad; ++i) Step(u.at[i], x.at[i], w.at[i]);
    *reinterpret_cast<FloatQuad*>(slow_buffer + first) = u;
    *reinterpret_cast<FloatQuad*>(anchor + first) = x;
    *reinterpret_cast<FloatQuad*>(weights + first) = w;
  }

  // With the roundings of SlowMo's operators on the CPU.
  RONDE_DEVICE_CODE void Step(float& u, float& x, float& w) const {
    u = u * slow_momentum + (x - w) / gamma;
    x = MultiplyAdd(u, negative_rate, x);
    w = x;
  }
};

}  // namespace ronde
