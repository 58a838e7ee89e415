#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device/space.h"
#include "tensor_fusion/pack.h"

namespace ronde::kernels {

/// How many tensors one launch takes: 13 bytes each of the 32,764 that arguments may have. Most
/// batches fit into the small table, whose arguments are copied in less time.
inline constexpr int kTensorsPerLaunch = 2048;
inline constexpr int kTensorsPerSmallLaunch = 256;
/// So many lines of a buffer one launch reaches: 32 GiB.
inline constexpr std::uint32_t kLinesPerLaunch = std::uint32_t{1} << 29;

/// Where tensors lie in a buffer, as a kernel's argument. The buffer is counted in lines of
/// kPackAlignmentBytes; tensor t has lines [first_line[t], first_line[t + 1]), of which the last
/// `padding[t]` elements are padding. No tensor is empty.
template <int kCapacity>
struct PackTable {
  static constexpr int kTensors = kCapacity;
  std::byte* tensors[kCapacity];
  std::uint32_t first_line[kCapacity + 1];
  std::uint8_t padding[kCapacity];
  int count;

  RONDE_DEVICE_CODE std::uint32_t lines() const { return first_line[count]; }
  /// The tensor of tensors [low, high] to which `line` belongs.
  RONDE_DEVICE_CODE int Find(int low, int high, std::uint32_t line) const {
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first_line[middle] <= line) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

}  // namespace ronde::kernels
