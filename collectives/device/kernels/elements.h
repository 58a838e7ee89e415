#pragma once

// What the device kernels reduce: element types and operators. They follow
// collectives/kernels/reduce_elements.h, so that both give the same bits.

#include <cstdint>
#include <type_traits>

#include "core/device/space.h"

namespace ronde::kernels {

using Index = std::int64_t;

// --- Element types: Storage in memory, Value in arithmetic. `Convert` has the conversions of
// 16-bit types: convert_host.h's or convert_cuda.cuh's.

template <typename T>
struct Native {
  using Storage = T;
  using Value = T;
  RONDE_DEVICE_CODE static Value Expand(Storage in) { return in; }
  RONDE_DEVICE_CODE static Storage Compress(Value in) { return in; }
};

template <typename Convert>
struct Half {
  using Storage = std::uint16_t;
  using Value = float;
  RONDE_DEVICE_CODE static Value Expand(Storage in) { return Convert::HalfToFloat(in); }
  RONDE_DEVICE_CODE static Storage Compress(Value in) { return Convert::FloatToHalf(in); }
};

template <typename Convert>
struct BFloat {
  using Storage = std::uint16_t;
  using Value = float;
  RONDE_DEVICE_CODE static Value Expand(Storage in) { return Convert::BFloat16ToFloat(in); }
  RONDE_DEVICE_CODE static Storage Compress(Value in) { return Convert::FloatToBFloat16(in); }
};

// --- Operators. Integers go through unsigned types: they wrap, which signed ones may not.

template <typename T, bool = std::is_integral_v<T>>
struct Wrapping {
  using Type = std::make_unsigned_t<T>;
};
template <typename T>
struct Wrapping<T, false> {
  using Type = T;
};

struct Sum {
  template <typename T>
  RONDE_DEVICE_CODE static T Apply(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
  }
};
struct Product {
  template <typename T>
  RONDE_DEVICE_CODE static T Apply(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
  }
};
// `b != b` lets a NaN of either operand win.
struct Min {
  template <typename T>
  RONDE_DEVICE_CODE static T Apply(T a, T b) {
    return (b < a) | (b != b) ? b : a;
  }
};
struct Max {
  template <typename T>
  RONDE_DEVICE_CODE static T Apply(T a, T b) {
    return (a < b) | (b != b) ? b : a;
  }
};

/// The scaling of a reduction in the type that it is done in; see Scaling. Integers know only the
/// divisor.
template <typename T>
struct Factors {
  T before = 1;
  T after = 1;
  Index divisor = 1;

  RONDE_DEVICE_CODE T Before(T value) const {
    if constexpr (std::is_floating_point_v<T>) value *= before;
    return value;
  }
  RONDE_DEVICE_CODE T After(T value) const {
    if constexpr (std::is_floating_point_v<T>) {
      value *= after;
    } else if (divisor != 1) {
      value = static_cast<T>(value / divisor);
    }
    return value;
  }
};

}  // namespace ronde::kernels
