#include "frontends/resnet/weights/tensor_layout.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace ronde {
namespace {

constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 10> kTypes = {{{"F64", 8},
                                                                                {"F32", 4},
                                                                                {"F16", 2},
                                                                                {"BF16", 2},
                                                                                {"I64", 8},
                                                                                {"I32", 4},
                                                                                {"I16", 2},
                                                                                {"I8", 1},
                                                                                {"U8", 1},
                                                                                {"BOOL", 1}}};

bool IsNegative(std::int64_t number) { return number < 0; }

}  // namespace

std::uint64_t ElementBytes(std::string_view dtype) {
  const auto* const found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& t) { return t.first == dtype; });
  return found == kTypes.end() ? 0 : found->second;
}

std::optional<std::uint64_t> SizeBytes(const Shape& shape, std::uint64_t element_bytes) {
  if (std::any_of(shape.begin(), shape.end(), IsNegative)) return std::nullopt;
  std::uint64_t size = element_bytes;
  bool is_empty = false;
  for (const std::int64_t extent : shape) {
    // Extents beside a zero count too: libtorch multiplies them for the strides.
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(extent, 1));
    is_empty = is_empty || extent == 0;
    if (factor > kMost / size) return std::nullopt;
    size *= factor;
  }
  return is_empty ? 0 : size;
}

bool LiesInStorage(const Shape& sizes, const Shape& strides, std::uint64_t offset,
                   std::uint64_t count) {
  if (sizes.size() != strides.size() || offset > count) return false;
  if (std::any_of(sizes.begin(), sizes.end(), IsNegative) ||
      std::any_of(strides.begin(), strides.end(), IsNegative)) {
    return false;
  }
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return true;
  std::uint64_t behind_last = offset;  // steps beyond the first element, until the loop ends
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto steps = static_cast<std::uint64_t>(sizes[i] - 1);
    const auto stride = static_cast<std::uint64_t>(strides[i]);
    if (steps != 0 && stride > (count - behind_last) / steps) return false;
    behind_last += steps * stride;
  }
  return behind_last < count;
}

}  // namespace ronde
