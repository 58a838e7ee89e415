#pragma once

#include <string_view>

#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// kInvalidArgument, in the name of `collective`, for scaling of an integer type.
[[nodiscard]] Status CheckScaling(std::string_view collective, DataType dtype, double prescale,
                                  double postscale);

}  // namespace ronde
