#include <string>

#include "core/observation/metrics_text.h"
#include "frontends/session/session_parts.h"

namespace ronde {

MetricsSnapshot Session::Parts::ReadMetrics() const {
  MetricsSnapshot snapshot = metrics.Snapshot();
  snapshot.bytes_on_wire = executor.bytes_on_wire();
  snapshot.bytes_packed = executor.bytes_packed();
  const EngineCounters counters = engine.counters();
  snapshot.in_flight = counters.in_flight;
  snapshot.seconds_outstanding = static_cast<double>(counters.outstanding_ns) / 1e9;
  return snapshot;
}

MetricsSnapshot Session::metrics() const { return parts_->ReadMetrics(); }

std::string Session::MetricsText() const { return PrometheusText(parts_->ReadMetrics()); }

}  // namespace ronde
