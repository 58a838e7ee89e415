#include "frontends/resnet/weights/scalar_types.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ronde {
namespace {

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> kTypes = {
    {{"F64", at::kDouble},
     {"F32", at::kFloat},
     {"F16", at::kHalf},
     {"BF16", at::kBFloat16},
     {"I64", at::kLong},
     {"I32", at::kInt},
     {"I16", at::kShort},
     {"I8", at::kChar},
     {"U8", at::kByte},
     {"BOOL", at::kBool}}};

}  // namespace

std::optional<at::ScalarType> FindScalarType(std::string_view name) {
  for (const auto& [candidate, type] : kTypes) {
    if (candidate == name) return type;
  }
  return std::nullopt;
}

std::optional<std::string_view> FindTypeName(at::ScalarType type) {
  for (const auto& [name, candidate] : kTypes) {
    if (candidate == type) return name;
  }
  return std::nullopt;
}

bool HoldsValues(const at::Tensor& tensor) {
  if (tensor.scalar_type() != at::kBool) return true;
  const auto* const bytes = static_cast<const unsigned char*>(tensor.data_ptr());
  return std::all_of(bytes, bytes + tensor.nbytes(), [](unsigned char byte) { return byte <= 1; });
}

}  // namespace ronde
