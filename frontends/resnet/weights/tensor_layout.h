#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/tensor_view.h"

namespace ronde {

/// Bytes of an element of "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL" (the
/// names of safetensors); 0 for another name.
[[nodiscard]] std::uint64_t ElementBytes(std::string_view dtype);

/// Bytes of a contiguous tensor; nothing for a negative extent, or where they or the strides do
/// not fit into 63 bits. `shape` is a foreign file's.
[[nodiscard]] std::optional<std::uint64_t> SizeBytes(const Shape& shape,
                                                     std::uint64_t element_bytes);

/// Whether a view of `sizes`, `strides` and `offset` (in elements) lies in a storage of `count`
/// elements. Safe for any values.
[[nodiscard]] bool LiesInStorage(const Shape& sizes, const Shape& strides, std::uint64_t offset,
                                 std::uint64_t count);

}  // namespace ronde
