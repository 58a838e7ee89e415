#pragma once

#include <array>
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
inline constexpr std::array<std::size_t, kDataTypeCount> kDataTypeSizes = {2, 2, 4, 8, 4, 8, 1};

/// Reduction operators. kAverage divides the sum by the number of ranks (integers truncate).
///
/// kAdasum adds gradients as far as they are orthogonal and averages them as far as they are
/// parallel: Adasum(a, b) = (1 - a.b / (2 |a|^2)) a + (1 - a.b / (2 |b|^2)) b over a whole tensor,
/// for more ranks as a binary tree (ReductionOrder::kTree). Floating-point types, allreduce only.
/// Source: Maleki et al., Scaling Distributed Training with Adaptive Summation, MLSys 2021.
///
/// The numeric values are part of the C ABI and of the wire format.
enum class ReduceOp : std::uint8_t {
  kSum = 0,
  kAverage = 1,
  kMin = 2,
  kMax = 3,
  kProduct = 4,
  kAdasum = 5,
};
inline constexpr int kReduceOpCount = 6;

/// Whether elements are reduced one by one, whichever tensor they belong to: all operators but
/// kAdasum. The others can be fused, cut into pieces and scattered.
[[nodiscard]] constexpr bool IsElementwise(ReduceOp op) { return op != ReduceOp::kAdasum; }
/// They are the first ones.
inline constexpr int kElementwiseOpCount = 5;

/// Tensor dimensions; an empty shape is a scalar of one element.
using Shape = std::vector<std::int64_t>;

/// Bytes of an element, a power of two.
[[nodiscard]] constexpr std::size_t SizeOf(DataType dtype) {
  return kDataTypeSizes[static_cast<std::size_t>(dtype)];
}
[[nodiscard]] constexpr bool IsFloatingPoint(DataType dtype) { return dtype <= DataType::kFloat64; }
[[nodiscard]] std::string_view Name(DataType dtype);
[[nodiscard]] std::string_view Name(ReduceOp op);
[[nodiscard]] std::optional<DataType> ParseDataType(std::string_view name);
[[nodiscard]] std::optional<ReduceOp> ParseReduceOp(std::string_view name);
/// Number of elements: the product of the dimensions, 1 for a scalar.
[[nodiscard]] std::int64_t ElementCount(const Shape& shape);
/// "[64, 3, 3, 3]".
[[nodiscard]] std::string ToString(const Shape& shape);

}  // namespace ronde
