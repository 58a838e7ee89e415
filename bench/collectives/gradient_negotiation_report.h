#pragma once

#include <string>
#include <vector>

#include "bench/collectives/gradient_negotiation.h"

namespace ronde::bench {

/// What was measured, and a line for each way: medians of the maximum over ranks, what the engine
/// adds to the bare collectives, and the ratio to one call over as many bytes.
[[nodiscard]] std::string NegotiationText(const NegotiationTable& table,
                                          const BenchOptions& options);
/// One JSON object for each way, without newlines.
[[nodiscard]] std::vector<std::string> NegotiationJson(const NegotiationTable& table);
[[nodiscard]] std::int64_t WrongElements(const NegotiationTable& table);

}  // namespace ronde::bench
