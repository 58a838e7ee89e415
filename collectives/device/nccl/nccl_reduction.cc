#include "collectives/device/nccl/nccl_reduction.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "collectives/reduce_kernels.h"

namespace ronde {
namespace {

// The powers of two that are normal numbers of a 16-bit type.
struct Exponents {
  int lowest;
  int highest;
};
Exponents ExponentsOf(DataType dtype) {
  return dtype == DataType::kFloat16 ? Exponents{-14, 15} : Exponents{-126, 127};
}

// Whether float32 and float64 hold `factor` as precisely as other numbers.
bool IsNormal(DataType dtype, double factor) {
  const double size = std::fabs(factor);
  if (dtype == DataType::kFloat64) return std::isnormal(size);
  return size >= FLT_MIN && size <= FLT_MAX;
}

NcclReduction PlanSum(DataType dtype, double prescale, double factor) {
  if (factor == 1 && (prescale == 1 || dtype != DataType::kFloat16)) return {.op = kNcclSum};
  if (factor == 0 || !std::isfinite(factor)) return {.op = kNcclSum, .scale_after = factor};
  if (SizeOf(dtype) > 2) {
    if (IsNormal(dtype, factor)) return {.op = kNcclSum, .factor = factor};
    return {.op = kNcclSum, .scale_after = factor};
  }
  double size = std::fabs(factor);
  // Whoever scales float16 down first and up again later fears sums above 65504.
  if (dtype == DataType::kFloat16 && prescale != 0) size = std::min(size, std::fabs(prescale));
  const Exponents exponents = ExponentsOf(dtype);
  const int exponent = std::clamp(std::ilogb(size), exponents.lowest, exponents.highest);
  const double power = std::ldexp(1.0, exponent);
  return {.op = kNcclSum, .factor = power, .scale_after = factor / power};
}

}  // namespace

NcclReduction PlanNcclReduction(DataType dtype, ReduceOp op, double prescale, double postscale,
                                int ranks) {
  switch (op) {
    case ReduceOp::kSum:
      return PlanSum(dtype, prescale, prescale * postscale);
    case ReduceOp::kAverage:
      // Of integers NCCL divides the sum itself, truncating.
      if (!IsFloatingPoint(dtype)) return {.op = kNcclAverage};
      return PlanSum(dtype, prescale, prescale * postscale / ranks);
    case ReduceOp::kMin:
    case ReduceOp::kMax: {
      const bool smallest = (op == ReduceOp::kMin) == (prescale >= 0);  // of the inputs as they are
      return {.op = smallest ? kNcclMin : kNcclMax, .scale_after = prescale * postscale};
    }
    case ReduceOp::kProduct:
      return {.op = kNcclProduct, .scale_after = std::pow(prescale, ranks) * postscale};
    case ReduceOp::kAdasum:
      break;  // not element by element
  }
  return {.op = kNcclSum};
}

NcclScalar::NcclScalar(DataType dtype, double value) {
  if (dtype == DataType::kFloat64) {
    std::memcpy(bytes_, &value, sizeof value);
    return;
  }
  const auto single = static_cast<float>(value);
  if (dtype == DataType::kFloat32) {
    std::memcpy(bytes_, &single, sizeof single);
    return;
  }
  const std::uint16_t one = dtype == DataType::kFloat16 ? 0x3C00 : 0x3F80;
  Scale(dtype, &one, bytes_, 1, value);
}

}  // namespace ronde
