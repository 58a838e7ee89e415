#pragma once

#include <cstdint>

#include "collectives/device/kernels/elements.h"
#include "collectives/device/kernels/vector.h"
#include "core/device/space.h"

namespace ronde::kernels {

/// Elements as they are, whatever they are.
struct CopyFormat {
  using Tensor = std::uint8_t;
  using Packed = std::uint8_t;
  static constexpr bool kCopies = true;
  RONDE_DEVICE_CODE Packed ToPacked(Tensor value) const { return value; }
  RONDE_DEVICE_CODE Tensor ToTensor(Packed value) const { return value; }
};

/// Elements that are scaled in the type of arithmetic on their way, and perhaps cast.
template <typename TensorElement, typename PackedElement>
struct ScaledFormat {
  using Tensor = typename TensorElement::Storage;
  using Packed = typename PackedElement::Storage;
  using Value = typename TensorElement::Value;
  static constexpr bool kCopies = false;
  Value factor = 1;

  RONDE_DEVICE_CODE Packed ToPacked(Tensor value) const {
    return PackedElement::Compress(TensorElement::Expand(value) * factor);
  }
  RONDE_DEVICE_CODE Tensor ToTensor(Packed value) const {
    return TensorElement::Compress(PackedElement::Expand(value) * factor);
  }
};

/// The elements of a tensor that make one packed vector: 8, 16 or 32 bytes.
template <typename Format>
struct TensorPart {
  static constexpr int kElements = kLanes<typename Format::Packed>;
  typename Format::Tensor at[kElements];
};

/// What a part is loaded and stored as, where it is aligned.
template <int kBytes>
struct alignas(16) [[gnu::may_alias]] Wide {
  Vector vectors[kBytes / kVectorBytes];
};
template <>
struct alignas(8) [[gnu::may_alias]] Wide<8> {
  std::uint64_t word;
};
template <typename Format>
using WidePart = Wide<static_cast<int>(sizeof(TensorPart<Format>))>;

template <typename Format>
RONDE_DEVICE_CODE Vector ToPacked(const Format& format, const TensorPart<Format>& part) {
  Lanes<typename Format::Packed> packed;
  RONDE_UNROLL
  for (int i = 0; i < part.kElements; ++i) packed.at[i] = format.ToPacked(part.at[i]);
  return VectorOf(packed);
}
template <typename Format>
RONDE_DEVICE_CODE TensorPart<Format> ToTensor(const Format& format, const Vector& vector) {
  const auto packed = LanesOf<typename Format::Packed>(vector);
  TensorPart<Format> part;
  RONDE_UNROLL
  for (int i = 0; i < part.kElements; ++i) part.at[i] = format.ToTensor(packed.at[i]);
  return part;
}

}  // namespace ronde::kernels
