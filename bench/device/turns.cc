#include "bench/device/turns.h"

#include <algorithm>

#include "core/base/clock.h"

namespace ronde::bench {
namespace {

constexpr double kMostCalls = 1000;  // a stream's queue is not endless

// Microseconds a call.
Result<double> TimeBatch(BenchDevice& device, const DeviceWork& work, int calls) {
  const SteadyClock clock;
  const std::int64_t start_ns = clock.NowNs();
  for (int i = 0; i < calls; ++i) RONDE_RETURN_IF_ERROR(work());
  RONDE_RETURN_IF_ERROR(device.Finish(device.stream()));
  return static_cast<double>(clock.NowNs() - start_ns) / 1e3 / calls;
}

}  // namespace

Result<std::vector<double>> TimeInTurns(BenchDevice& device, std::span<const DeviceWork> works,
                                        int rounds, double batch_us) {
  std::vector<int> calls;
  for (const DeviceWork& work : works) {
    // The first call loads the kernel.
    RONDE_RETURN_IF_ERROR(TimeBatch(device, work, 1).status());
    RONDE_ASSIGN_OR_RETURN(const double once_us, TimeBatch(device, work, 3));
    calls.push_back(static_cast<int>(std::clamp(batch_us / once_us, 1.0, kMostCalls)));
  }
  std::vector<std::vector<double>> samples(works.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      RONDE_ASSIGN_OR_RETURN(const double time_us, TimeBatch(device, works[i], calls[i]));
      samples[i].push_back(time_us);
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& of_one : samples) {
    const auto middle = of_one.begin() + static_cast<std::ptrdiff_t>(of_one.size() / 2);
    std::nth_element(of_one.begin(), middle, of_one.end());
    medians.push_back(*middle);
  }
  return medians;
}

}  // namespace ronde::bench
