#include "tests/conformance/allreduce_values.h"

#include <cstring>

#include "collectives/half.h"

namespace ronde {
namespace {

template <typename T>
T Load(const void* data, std::int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(data) + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void Store(std::byte* data, std::int64_t index, T value) {
  std::memcpy(data + index * sizeof(T), &value, sizeof(T));
}

void StoreFloat(DataType dtype, std::byte* data, std::int64_t index, double value) {
  const auto single = static_cast<float>(value);
  if (dtype == DataType::kFloat64) Store(data, index, value);
  if (dtype == DataType::kFloat32) Store(data, index, single);
  if (dtype == DataType::kFloat16) Store(data, index, FloatToHalf(single));
  if (dtype == DataType::kBFloat16) Store(data, index, FloatToBFloat16(single));
}

}  // namespace

std::uint64_t Mix(std::uint64_t seed, std::uint64_t rank, std::uint64_t index) {
  std::uint64_t x = seed * 0x9e3779b97f4a7c15 + rank * 0xd1b54a32d192ed03 + index;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::vector<std::byte> MakeInput(DataType dtype, std::int64_t count, std::uint64_t seed, int rank) {
  std::vector<std::byte> data(static_cast<std::size_t>(count) * SizeOf(dtype));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t random = Mix(seed, static_cast<std::uint64_t>(rank), i);
    if (IsFloatingPoint(dtype)) {
      const double size = 0.5 + static_cast<double>(random >> 12) * 0x1p-52;
      StoreFloat(dtype, data.data(), i, (random & 1) != 0 ? size : -size);
    } else {
      std::memcpy(data.data() + i * SizeOf(dtype), &random, SizeOf(dtype));
    }
  }
  return data;
}

double FloatAt(DataType dtype, const void* data, std::int64_t index) {
  switch (dtype) {
    case DataType::kFloat16:
      return HalfToFloat(Load<std::uint16_t>(data, index));
    case DataType::kBFloat16:
      return BFloat16ToFloat(Load<std::uint16_t>(data, index));
    case DataType::kFloat32:
      return Load<float>(data, index);
    default:
      return Load<double>(data, index);
  }
}

std::int64_t IntegerAt(DataType dtype, const void* data, std::int64_t index) {
  if (dtype == DataType::kUInt8) return Load<std::uint8_t>(data, index);
  if (dtype == DataType::kInt32) return Load<std::int32_t>(data, index);
  return Load<std::int64_t>(data, index);
}

std::int64_t WrapTo(DataType dtype, std::uint64_t value) {
  if (dtype == DataType::kUInt8) return static_cast<std::uint8_t>(value);
  if (dtype == DataType::kInt32) return static_cast<std::int32_t>(value);
  return static_cast<std::int64_t>(value);
}

double UnitRoundoff(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
      return 0x1p-11;
    case DataType::kBFloat16:
      return 0x1p-8;
    case DataType::kFloat32:
      return 0x1p-24;
    default:
      return 0x1p-53;
  }
}

}  // namespace ronde
