#include "bench/collectives/measurement.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/clock.h"

namespace ronde::bench {

Timing Summarize(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto quantile = [&samples](double q) {
    const double index = std::ceil(q * static_cast<double>(samples.size())) - 1;
    return samples[static_cast<std::size_t>(std::max(index, 0.0))];
  };
  const double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
  return {sum / static_cast<double>(samples.size()), quantile(0.5), quantile(0.99)};
}

int CallsPerSample(std::int64_t size_bytes) { return size_bytes < 16 * 1024 ? 10 : 1; }

Status TimeCalls(AllreduceRunner& runner, const AllreduceArguments& arguments, int samples,
                 std::vector<double>& into) {
  const SteadyClock clock;
  const int calls =
      CallsPerSample(arguments.count * static_cast<std::int64_t>(SizeOf(arguments.dtype)));
  for (int sample = 0; sample < samples; ++sample) {
    const std::int64_t start_ns = clock.NowNs();
    for (int call = 0; call < calls; ++call) RONDE_RETURN_IF_ERROR(runner.Run(arguments));
    into.push_back(static_cast<double>(clock.NowNs() - start_ns) / 1e3 / calls);
  }
  return Status::Ok();
}

}  // namespace ronde::bench
