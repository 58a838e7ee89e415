#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde::bench {

/// Models whose gradients GradientCounts knows by name.
[[nodiscard]] std::span<const std::string_view> GradientModels();

/// Elements of each parameter, in the order of the model: of a torchvision ResNet by its name, of
/// equal tensors ("64x256K": 64 of 256 Ki elements), else of a file of numbers, with white space
/// between them. Errors: kInvalidArgument for neither a model nor a readable file, and for a file
/// without numbers or with anything but positive ones.
[[nodiscard]] Result<std::vector<std::int64_t>> GradientCounts(const std::string& model_or_file);

}  // namespace ronde::bench
