#pragma once

#include <cstdint>

#include "collectives/device/kernels/elements.h"
#include "core/device/space.h"

namespace ronde::kernels {

inline constexpr Index kVectorBytes = 16;

/// What one instruction of the device loads or stores; any element type may lie under it.
struct alignas(16) [[gnu::may_alias]] Vector {
  std::uint32_t words[4];
};

template <typename Storage>
inline constexpr int kLanes = static_cast<int>(kVectorBytes / sizeof(Storage));

/// The elements of a vector.
template <typename Storage>
struct alignas(16) Lanes {
  Storage at[kLanes<Storage>];
};
template <typename Storage>
RONDE_DEVICE_CODE Lanes<Storage> LanesOf(const Vector& vector) {
  return __builtin_bit_cast(Lanes<Storage>, vector);
}
template <typename Storage>
RONDE_DEVICE_CODE Vector VectorOf(const Lanes<Storage>& lanes) {
  return __builtin_bit_cast(Vector, lanes);
}

/// `address` is aligned to 16 bytes.
RONDE_DEVICE_CODE Vector LoadVector(const void* address) {
  return *static_cast<const Vector*>(address);
}
RONDE_DEVICE_CODE void StoreVector(void* address, const Vector& vector) {
  StoreWords(address, vector.words);
}

/// Bytes from `address` up to the next multiple of 16.
RONDE_DEVICE_CODE Index BytesToVector(const void* address) {
  return static_cast<Index>(-reinterpret_cast<std::uintptr_t>(address) % kVectorBytes);
}

}  // namespace ronde::kernels
