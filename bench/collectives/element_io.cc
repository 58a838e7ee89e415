#include "bench/collectives/element_io.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace ronde::bench {
namespace {

std::uint16_t ToBFloat16(double value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
}

double FromBFloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t ToFloat16(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);  // in [0.5, 1)
  return static_cast<std::uint16_t>((exponent + 14) << 10 |
                                    (static_cast<int>(fraction * 2048) & 1023));
}

double FromFloat16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  return exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
}

template <typename T>
void Store(void* data, std::int64_t index, T value) {
  std::memcpy(static_cast<std::byte*>(data) + index * static_cast<std::int64_t>(sizeof(T)), &value,
              sizeof(T));
}

template <typename T>
T Load(const void* data, std::int64_t index) {
  T value;
  std::memcpy(&value,
              static_cast<const std::byte*>(data) + index * static_cast<std::int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

}  // namespace

void StoreAs(void* data, std::int64_t index, DataType dtype, double value) {
  switch (dtype) {
    case DataType::kFloat16:
      return Store(data, index, ToFloat16(value));
    case DataType::kBFloat16:
      return Store(data, index, ToBFloat16(value));
    case DataType::kFloat32:
      return Store(data, index, static_cast<float>(value));
    case DataType::kFloat64:
      return Store(data, index, value);
    case DataType::kInt32:
      return Store(data, index, static_cast<std::int32_t>(value));
    case DataType::kInt64:
      return Store(data, index, static_cast<std::int64_t>(value));
    case DataType::kUInt8:
      return Store(data, index, static_cast<std::uint8_t>(value));
  }
}

double LoadAs(const void* data, std::int64_t index, DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
      return FromFloat16(Load<std::uint16_t>(data, index));
    case DataType::kBFloat16:
      return FromBFloat16(Load<std::uint16_t>(data, index));
    case DataType::kFloat32:
      return Load<float>(data, index);
    case DataType::kFloat64:
      return Load<double>(data, index);
    case DataType::kInt32:
      return Load<std::int32_t>(data, index);
    case DataType::kInt64:
      return static_cast<double>(Load<std::int64_t>(data, index));
    case DataType::kUInt8:
      return Load<std::uint8_t>(data, index);
  }
  return NAN;
}

double UnitInLastPlace(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
      return 0x1p-10;
    case DataType::kBFloat16:
      return 0x1p-7;
    case DataType::kFloat32:
      return 0x1p-23;
    default:
      return 0x1p-52;
  }
}

}  // namespace ronde::bench
