#pragma once

#include <span>

#include "frontends/torch/algorithms/training_algorithm.h"

namespace ronde {

/// Every training algorithm, in the order of the list in CMake.
[[nodiscard]] std::span<const AlgorithmSpec* const> Algorithms();

}  // namespace ronde
