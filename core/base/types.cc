#include "core/base/types.h"

#include <array>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::array<std::string_view, kDataTypeCount> kDataTypeNames = {
    "float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8"};
constexpr std::array<std::string_view, kReduceOpCount> kReduceOpNames = {
    "sum", "average", "min", "max", "product", "adasum"};

template <typename Enum, std::size_t N>
std::optional<Enum> ParseName(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view Name(DataType dtype) { return kDataTypeNames[static_cast<std::size_t>(dtype)]; }

std::string_view Name(ReduceOp op) { return kReduceOpNames[static_cast<std::size_t>(op)]; }

std::optional<DataType> ParseDataType(std::string_view name) {
  if (name == "float") return DataType::kFloat32;  // nccl-tests' spellings
  if (name == "double") return DataType::kFloat64;
  if (name == "half") return DataType::kFloat16;
  return ParseName<DataType>(kDataTypeNames, name);
}

std::optional<ReduceOp> ParseReduceOp(std::string_view name) {
  if (name == "avg") return ReduceOp::kAverage;
  if (name == "prod") return ReduceOp::kProduct;
  return ParseName<ReduceOp>(kReduceOpNames, name);
}

std::int64_t ElementCount(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t dimension : shape) count *= dimension;
  return count;
}

std::string ToString(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += StrCat(i == 0 ? "" : ", ", shape[i]);
  }
  return text + "]";
}

}  // namespace ronde
