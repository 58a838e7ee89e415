#include "bench/collectives/measurement.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "bench/collectives/cache.h"
#include "core/base/clock.h"

namespace ronde::bench {
namespace {

void Consume(const CollectiveRunner& runner, const CollectiveCall& call) {
  [[maybe_unused]] volatile std::uint64_t sink = ReadAll(runner.Output(call), call.OutputBytes());
}

// Evicts the call's buffers and lets the ranks start together afterwards.
Status MakeCold(CollectiveRunner& runner, const CollectiveCall& call) {
  EvictFromCache(call.input, call.InputBytes());
  EvictFromCache(call.output, call.OutputBytes());
  return runner.Barrier();
}

}  // namespace

Timing Summarize(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto quantile = [&samples](double q) {
    const double index = std::ceil(q * static_cast<double>(samples.size())) - 1;
    return samples[static_cast<std::size_t>(std::max(index, 0.0))];
  };
  const double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
  Timing timing;
  timing.mean_us = sum / static_cast<double>(samples.size());
  timing.p50_us = quantile(0.5);
  timing.p99_us = quantile(0.99);
  return timing;
}

double MedianRatio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) ratios.push_back(a[i] / b[i]);
  return Summarize(std::move(ratios)).p50_us;
}

int CallsPerSample(std::int64_t size_bytes, const TimingRules& rules) {
  // One wait for the device costs as much as several small calls.
  if (rules.on_device) return size_bytes <= (1 << 20) ? 20 : size_bytes <= (32 << 20) ? 5 : 2;
  return size_bytes < 16 * 1024 && !rules.cold ? 10 : 1;
}

Status TimeCalls(CollectiveRunner& runner, const CollectiveCall& call, const TimingRules& rules,
                 int samples, std::vector<double>& into) {
  const SteadyClock clock;
  const int calls = runner.SamplesEachCall() ? 1 : CallsPerSample(call.layout.size_bytes, rules);
  for (int sample = 0; sample < samples; ++sample) {
    if (rules.cold) RONDE_RETURN_IF_ERROR(MakeCold(runner, call));
    const std::int64_t start_ns = clock.NowNs();
    for (int i = 0; i < calls; ++i) {
      RONDE_RETURN_IF_ERROR(runner.Run(call));
      if (rules.consume) Consume(runner, call);
    }
    RONDE_RETURN_IF_ERROR(runner.Finish());
    into.push_back(static_cast<double>(clock.NowNs() - start_ns) / 1e3 / calls);
  }
  return Status::Ok();
}

}  // namespace ronde::bench
