#pragma once

#include <string_view>

#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// The error of CheckScaling.
[[nodiscard]] Status CannotScale(std::string_view collective, DataType dtype, double prescale,
                                 double postscale);

/// kInvalidArgument, in the name of `collective`, for scaling of an integer type.
[[nodiscard]] inline Status CheckScaling(std::string_view collective, DataType dtype,
                                         double prescale, double postscale) {
  if ((prescale == 1 && postscale == 1) || IsFloatingPoint(dtype)) return Status::Ok();
  return CannotScale(collective, dtype, prescale, postscale);
}

}  // namespace ronde
