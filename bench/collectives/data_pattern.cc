#include "bench/collectives/data_pattern.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace ronde::bench {
namespace {

// Period 32 in the index: products alternate between 1 and 2, everything else stays within 1..5.
double PatternValue(std::int64_t index, int rank, ReduceOp op) {
  const std::int64_t mixed = (index & 31) * 7 + rank * 3;
  if (op == ReduceOp::kProduct) return (mixed + rank) % 8 == 0 ? 2 : 1;
  return static_cast<double>(mixed % 5 + 1);
}

double Reference(std::int64_t index, int ranks, ReduceOp op) {
  double value = PatternValue(index, 0, op);
  for (int rank = 1; rank < ranks; ++rank) {
    const double next = PatternValue(index, rank, op);
    switch (op) {
      case ReduceOp::kSum:
      case ReduceOp::kAverage:
        value += next;
        break;
      case ReduceOp::kMin:
        value = std::min(value, next);
        break;
      case ReduceOp::kMax:
        value = std::max(value, next);
        break;
      case ReduceOp::kProduct:
        value *= next;
        break;
    }
  }
  return op == ReduceOp::kAverage ? value / ranks : value;
}

// The pattern's values are small integers or their averages: exact conversions without rounding
// logic are enough for writing, and reading needs no more than widening.
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

}  // namespace

void FillPattern(void* data, std::int64_t count, DataType dtype, ReduceOp op, int rank) {
  for (std::int64_t i = 0; i < count; ++i) StoreAs(data, i, dtype, PatternValue(i, rank, op));
}

std::int64_t CountWrong(const void* data, std::int64_t count, DataType dtype, ReduceOp op,
                        int ranks) {
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    double expected = Reference(i, ranks, op);
    double tolerance = 0;
    if (op == ReduceOp::kAverage) {
      if (IsFloatingPoint(dtype)) {
        tolerance = expected * UnitInLastPlace(dtype);
      } else {
        expected = std::trunc(expected);
      }
    }
    // Negated, so that NaN counts as wrong.
    if (!(std::abs(LoadAs(data, i, dtype) - expected) <= tolerance)) ++wrong;
  }
  return wrong;
}

}  // namespace ronde::bench
