#pragma once

#include <cstdint>

#include "core/device/space.h"
#include "frontends/torch/device/float_quad.h"

namespace ronde {

/// One step of SGD over many stretches of parameters; see OptimizerKernels::StepSgd. Stretches are
/// cut into chunks, which blocks take in turn; within a chunk all threads go over quads where the
/// three arrays lie alike, else over single elements.
struct SgdKernel {
  static constexpr int kMostRanges = 640;  // arguments of a kernel are bounded
  static constexpr std::int64_t kChunk = 4096;
  static constexpr int kMaxThreads = 256;

  struct Range {
    float* weights;
    float* momentum;
    const float* gradients;
    std::int64_t count;
    std::int32_t first_chunk;
    float weight_decay;
  };

  std::int32_t range_count = 0;
  std::int32_t chunk_count = 0;
  float negative_rate = 0;  ///< -lr
  float momentum = 0;
  float share = 1;  ///< 1 - dampening
  bool has_momentum = false;
  bool nesterov = false;
  Range ranges[kMostRanges];

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    for (std::int32_t chunk = space.block(); chunk < chunk_count; chunk += space.blocks()) {
      const Range& range = ranges[Find(chunk)];
      const std::int64_t first = (chunk - range.first_chunk) * kChunk;
      const std::int64_t left = range.count - first;
      Update(space, range, first, left < kChunk ? left : kChunk);
    }
  }

 private:
  // The last range that begins at `chunk` or before.
  RONDE_DEVICE_CODE int Find(std::int32_t chunk) const {
    int low = 0;
    int high = range_count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (ranges[middle].first_chunk <= chunk ? low : high) = middle;
    }
    return low;
  }

  template <typename Space>
  RONDE_DEVICE_CODE void Update(Space& space, const Range& range, std::int64_t first,
                                std::int64_t count) const {
    float* const w = range.weights + first;
    float* const v = has_momentum ? range.momentum + first : w;
    const float* const g = range.gradients + first;
    const std::int64_t border = ToQuadBorder(w);
    const bool alike = SameQuadOffset(w, g) && SameQuadOffset(w, v);
    const std::int64_t head = alike && border < count ? border : count;
    const std::int64_t quads = (count - head) / kQuad;
    for (std::int64_t i = space.thread(); i < head; i += space.threads()) {
      UpdateOne(w[i], v[i], g[i], range.weight_decay);
    }
    for (std::int64_t i = space.thread(); i < quads; i += space.threads()) {
      UpdateQuad(w + head + i * kQuad, v + head + i * kQuad, g + head + i * kQuad,
                 range.weight_decay);
    }
    for (std::int64_t i = head + quads * kQuad + space.thread(); i < count; i += space.threads()) {
      UpdateOne(w[i], v[i], g[i], range.weight_decay);
    }
  }

  RONDE_DEVICE_CODE void UpdateQuad(float* w, float* v, const float* g, float decay) const {
    FloatQuad weights = *reinterpret_cast<const FloatQuad*>(w);
    FloatQuad buffer = {};
    if (has_momentum) buffer = *reinterpret_cast<const FloatQuad*>(v);
    const FloatQuad gradients = *reinterpret_cast<const FloatQuad*>(g);
    for (int i = 0; i < kQuad; ++i) {
      Step(weights.at[i], buffer.at[i], gradients.at[i], decay);
    }
    if (has_momentum) *reinterpret_cast<FloatQuad*>(v) = buffer;
    *reinterpret_cast<FloatQuad*>(w) = weights;
  }

  RONDE_DEVICE_CODE void UpdateOne(float& w, float& v, float g, float decay) const {
    float weight = w;
    float buffer = has_momentum ? v : 0;
    Step(weight, buffer, g, decay);
    if (has_momentum) v = buffer;
    w = weight;
  }

  // In the order, and with the roundings, of ATen's fused SGD on a CPU with fused multiply-add.
  RONDE_DEVICE_CODE void Step(float& w, float& v, float g, float decay) const {
    if (decay != 0) g = MultiplyAdd(w, decay, g);
    if (has_momentum) {
      v = MultiplyAdd(g, share, v * momentum);
      g = nesterov ? MultiplyAdd(v, momentum, g) : v;
    }
    w = MultiplyAdd(g, negative_rate, w);
  }
};

}  // namespace ronde
