#pragma once

#include <cstddef>
#include <cstdint>

namespace ronde {

/// The kernels of one wire format and one instruction set; see wire_codec.h. The bits do not depend
/// on the instruction set.
struct WireKernels {
  void (*encode)(const float* in, std::int64_t count, std::byte* out) = nullptr;
  void (*decode)(const std::byte* in, std::int64_t count, float* out) = nullptr;
  void (*decode_add)(const std::byte* in, std::int64_t count, float* inout) = nullptr;
};

/// Those of binary16, bfloat16 and int8.
inline constexpr int kWireKernelCount = 3;

}  // namespace ronde
