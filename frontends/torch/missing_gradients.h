#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// What became of the gradients of these parameters that did not arrive in a step, in one line,
/// where `first` says that another rank has shut down; `first` itself for any other failure.
[[nodiscard]] Status DescribeMissingGradients(const Status& first,
                                              const std::vector<std::string>& parameters,
                                              std::int64_t step);

}  // namespace ronde
