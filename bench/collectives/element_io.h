#pragma once

#include <cstdint>

#include "core/base/types.h"

namespace ronde::bench {

/// Writes element `index` of `data`. Values are small integers or their averages: written without
/// any logic for rounding.
void StoreAs(void* data, std::int64_t index, DataType dtype, double value);
[[nodiscard]] double LoadAs(const void* data, std::int64_t index, DataType dtype);
/// Relative spacing of values next to 1.
[[nodiscard]] double UnitInLastPlace(DataType dtype);

}  // namespace ronde::bench
