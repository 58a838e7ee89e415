#pragma once

#include <string>
#include <vector>

#include "bench/collectives/gradient_benchmark.h"

namespace ronde::bench {

/// What was measured, and a line for each way: medians of the maximum over ranks, and how many
/// times longer each peer's ways take.
[[nodiscard]] std::string GradientText(const GradientTable& table, const BenchOptions& options);

/// One JSON object for each way that could run, without newlines. `peers` maps the other libraries'
/// ways to their median and its ratio to this way's.
[[nodiscard]] std::vector<std::string> GradientJson(const GradientTable& table);

/// Wrong elements of Ronde's ways: peers' have no say in the exit code.
[[nodiscard]] std::int64_t WrongOfRonde(const GradientTable& table);

}  // namespace ronde::bench
