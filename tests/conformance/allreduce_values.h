#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/types.h"

namespace ronde {

/// A well-mixed number of three.
[[nodiscard]] std::uint64_t Mix(std::uint64_t seed, std::uint64_t rank, std::uint64_t index);

/// The input of `rank`: floats in +-[0.5, 1.5), so that products neither vanish nor overflow;
/// integers over their type's whole range.
[[nodiscard]] std::vector<std::byte> MakeInput(DataType dtype, std::int64_t count,
                                               std::uint64_t seed, int rank);

/// Element `index` of a floating-point buffer.
[[nodiscard]] double FloatAt(DataType dtype, const void* data, std::int64_t index);
/// Element `index` of an integer buffer, sign-extended.
[[nodiscard]] std::int64_t IntegerAt(DataType dtype, const void* data, std::int64_t index);
/// `value` modulo 2^bits, as the type holds it.
[[nodiscard]] std::int64_t WrapTo(DataType dtype, std::uint64_t value);
/// The unit roundoff of a floating-point type.
[[nodiscard]] double UnitRoundoff(DataType dtype);

}  // namespace ronde
