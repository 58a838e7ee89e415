#pragma once

#include <string>
#include <vector>

#include "bench/engine/negotiate_benchmark.h"

namespace ronde::bench {

/// The lines before the rows; `ranks` is that of a launcher, 1 where ranks are threads.
[[nodiscard]] std::string NegotiateHeading(const NegotiateOptions& options, int ranks);
/// Median microseconds a cycle and messages of the busiest rank, for each mode.
[[nodiscard]] std::string NegotiateLine(const NegotiateRow& row);
/// What the figures do not say: where ranks share cores, the scheduler's time is in them.
[[nodiscard]] std::string NegotiateFootnote(int most_ranks);
/// One JSON object for each mode, without newlines.
[[nodiscard]] std::vector<std::string> NegotiateJson(const NegotiateRow& row);

}  // namespace ronde::bench
