#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ronde {

/// Element types of collectives. The numeric values are part of the C ABI and of the wire format.
enum class DataType : std::uint8_t {
  kFloat16 = 0,
  kBFloat16 = 1,
  kFloat32 = 2,
  kFloat64 = 3,
  kInt32 = 4,
  kInt64 = 5,
  kUInt8 = 6,
};
inline constexpr int kDataTypeCount = 7;

/// Reduction operators. kAverage divides the sum by the number of ranks (integers truncate).
enum class ReduceOp : std::uint8_t { kSum = 0, kAverage = 1, kMin = 2, kMax = 3, kProduct = 4 };
inline constexpr int kReduceOpCount = 5;

/// Tensor dimensions; an empty shape is a scalar of one element.
using Shape = std::vector<std::int64_t>;

[[nodiscard]] std::size_t SizeOf(DataType dtype);
[[nodiscard]] bool IsFloatingPoint(DataType dtype);
[[nodiscard]] std::string_view Name(DataType dtype);
[[nodiscard]] std::string_view Name(ReduceOp op);
[[nodiscard]] std::optional<DataType> ParseDataType(std::string_view name);
[[nodiscard]] std::optional<ReduceOp> ParseReduceOp(std::string_view name);
/// Number of elements: the product of the dimensions, 1 for a scalar.
[[nodiscard]] std::int64_t ElementCount(const Shape& shape);
/// "[64, 3, 3, 3]".
[[nodiscard]] std::string ToString(const Shape& shape);

}  // namespace ronde
