#include "tests/soak/elements.h"

#include <cstddef>
#include <cstring>

#include "collectives/half.h"

namespace ronde::soak {
namespace {

template <typename T>
void StoreAs(void* data, std::int64_t index, T value) {
  std::memcpy(static_cast<std::byte*>(data) + static_cast<std::size_t>(index) * sizeof(T), &value,
              sizeof(T));
}

template <typename T>
T LoadAs(const void* data, std::int64_t index) {
  T value;
  std::memcpy(&value,
              static_cast<const std::byte*>(data) + static_cast<std::size_t>(index) * sizeof(T),
              sizeof(T));
  return value;
}

}  // namespace

void Store(void* data, std::int64_t index, DataType dtype, double value) {
  switch (dtype) {
    case DataType::kFloat16:
      return StoreAs(data, index, FloatToHalf(static_cast<float>(value)));
    case DataType::kBFloat16:
      return StoreAs(data, index, FloatToBFloat16(static_cast<float>(value)));
    case DataType::kFloat32:
      return StoreAs(data, index, static_cast<float>(value));
    case DataType::kFloat64:
      return StoreAs(data, index, value);
    case DataType::kInt32:
      return StoreAs(data, index, static_cast<std::int32_t>(value));
    case DataType::kInt64:
      return StoreAs(data, index, static_cast<std::int64_t>(value));
    case DataType::kUInt8:
      return StoreAs(data, index, static_cast<std::uint8_t>(value));
  }
}

double Load(const void* data, std::int64_t index, DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
      return HalfToFloat(LoadAs<std::uint16_t>(data, index));
    case DataType::kBFloat16:
      return BFloat16ToFloat(LoadAs<std::uint16_t>(data, index));
    case DataType::kFloat32:
      return LoadAs<float>(data, index);
    case DataType::kFloat64:
      return LoadAs<double>(data, index);
    case DataType::kInt32:
      return LoadAs<std::int32_t>(data, index);
    case DataType::kInt64:
      return static_cast<double>(LoadAs<std::int64_t>(data, index));
    case DataType::kUInt8:
      return LoadAs<std::uint8_t>(data, index);
  }
  return 0;
}

double Spacing(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
      return 0x1p-10;
    case DataType::kBFloat16:
      return 0x1p-7;
    case DataType::kFloat32:
      return 0x1p-23;
    case DataType::kFloat64:
      return 0x1p-52;
    default:
      return 0;
  }
}

}  // namespace ronde::soak
