#include "core/observation/metrics.h"

#include <cstdint>

#include <benchmark/benchmark.h>

#include "core/observation/metrics_text.h"

namespace ronde {
namespace {

// All that one allreduce of 4 KiB, which travels alone, costs in counting; without the looks at the
// clock, whose times others ask for too.
void CountOperation(benchmark::State& state) {
  Metrics metrics(0, 2, [] { return std::int64_t{1} << 20; });
  Request request;
  request.name = "layer1.weight";
  request.shape = {1024};
  const Request* const batch = &request;
  EngineObserver& observer = metrics;
  std::int64_t now_ns = 0;
  for (auto _ : state) {
    const std::int64_t submitted_ns = now_ns;
    now_ns += 9001;
    observer.OnList({.cached = 1, .queue_depth = 1}, now_ns);
    observer.OnAgreed(request, submitted_ns, now_ns);
    observer.OnBatchBegin({&batch, 1}, 4096, now_ns + 100);
    now_ns += 5003;
    observer.OnPhase("shared_memory", now_ns - 4000, now_ns);
    observer.OnBatchEnd(now_ns);
    observer.OnCompleted(request, Status::Ok(), submitted_ns, now_ns);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(CountOperation)->Name("metrics/operation");

// What one scrape costs, away from the engine's thread.
void WriteText(benchmark::State& state) {
  Metrics metrics(0, 2);
  Request request;
  request.name = "x";
  for (int kind = 0; kind < 4; ++kind) {
    request.kind = static_cast<OperationKind>(kind);
    metrics.OnCompleted(request, Status::Ok(), 0, 1000);
  }
  for (auto _ : state) benchmark::DoNotOptimize(PrometheusText(metrics.Snapshot()));
}
BENCHMARK(WriteText)->Name("metrics/text");

}  // namespace
}  // namespace ronde
