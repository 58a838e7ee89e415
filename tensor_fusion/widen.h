#pragma once

#include <cstdint>

#include "core/base/types.h"

namespace ronde {

/// float16 or bfloat16 to float32, exact. `count` elements; no overlap.
void Widen(DataType from, const void* input, float* output, std::int64_t count);

/// float32 to float16 or bfloat16, rounded to nearest even. `count` elements; no overlap.
void Narrow(DataType to, const float* input, void* output, std::int64_t count);

}  // namespace ronde
