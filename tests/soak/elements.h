#pragma once

#include <cstdint>

#include "core/base/types.h"

namespace ronde::soak {

/// Element `index` of `data`; `value` is a small integer, which every type holds exactly.
void Store(void* data, std::int64_t index, DataType dtype, double value);
[[nodiscard]] double Load(const void* data, std::int64_t index, DataType dtype);
/// Relative spacing of values next to 1; 0 for integers.
[[nodiscard]] double Spacing(DataType dtype);

}  // namespace ronde::soak
