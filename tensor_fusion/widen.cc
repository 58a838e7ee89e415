#include "tensor_fusion/widen.h"

#include "collectives/half.h"

namespace ronde {

void Widen(DataType from, const void* input, float* output, std::int64_t count) {
  const auto* values = static_cast<const std::uint16_t*>(input);
  if (from == DataType::kFloat16) {
    for (std::int64_t i = 0; i < count; ++i) output[i] = HalfToFloat(values[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) output[i] = BFloat16ToFloat(values[i]);
  }
}

void Narrow(DataType to, const float* input, void* output, std::int64_t count) {
  auto* values = static_cast<std::uint16_t*>(output);
  if (to == DataType::kFloat16) {
    for (std::int64_t i = 0; i < count; ++i) values[i] = FloatToHalf(input[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) values[i] = FloatToBFloat16(input[i]);
  }
}

}  // namespace ronde
