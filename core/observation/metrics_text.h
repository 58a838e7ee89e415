#pragma once

#include <string>

#include "core/observation/metrics_snapshot.h"

namespace ronde {

/// What the text is served as.
inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics in Prometheus' text exposition format, version 0.0.4. Names begin with "ronde_",
/// units are seconds and bytes, every sample has the label `rank`. A metric without samples so far
/// (no straggler, no failure) is left out. docs/metrics.md has the list.
[[nodiscard]] std::string PrometheusText(const MetricsSnapshot& snapshot);

/// A label's value as the format wants it: backslash, quote and line feed escaped.
[[nodiscard]] std::string EscapeLabelValue(std::string_view value);

}  // namespace ronde
