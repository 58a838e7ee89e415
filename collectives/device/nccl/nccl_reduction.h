#pragma once

#include "collectives/device/nccl/nccl_api.h"
#include "core/base/types.h"

namespace ronde {

/// How a reduction with its scalings becomes one of NCCL, which multiplies by a number of the
/// element type alone: 1/3 as bfloat16 is 0.2% too large. So 16-bit inputs are multiplied by a
/// power of two, which is exact, and the result by what is left of the factor, in float32. With
/// 2^k ranks nothing is left.
struct NcclReduction {
  NcclOp op;               ///< where `factor` is not 1: a sum of multiplied inputs
  double factor = 1;       ///< of each input before the sum; exact in the type if that has 16 bits
  double scale_after = 1;  ///< of the result, by a kernel

  [[nodiscard]] bool multiplies() const { return factor != 1; }
};

/// For an elementwise `op`, with scalings only for floating-point types. Sums are multiplied before
/// they can overflow; for min, max and product the prescale is taken out of the reduction.
[[nodiscard]] NcclReduction PlanNcclReduction(DataType dtype, ReduceOp op, double prescale,
                                              double postscale, int ranks);

/// A number as one element of `dtype`, a floating-point type: for CreatePreMulSum.
class NcclScalar {
 public:
  NcclScalar(DataType dtype, double value);
  [[nodiscard]] const void* data() const { return bytes_; }

 private:
  alignas(8) unsigned char bytes_[8] = {};
};

}  // namespace ronde
