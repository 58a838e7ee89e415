#include "collectives/shared/wait_policy.h"

namespace ronde {
namespace {

constexpr std::int64_t kAdaptiveSpinNs = 50'000;
constexpr int kAdaptiveYields = 32;

}  // namespace

WaitPolicy WaitPolicy::For(const Config& config, int local_ranks, int cores) {
  const std::string& wait = config.GetText(Setting::kWait);
  if (wait == "block") return {.spin_ns = 0, .yields = 0};
  const bool crowded = local_ranks > cores;
  const int yields = crowded ? kAdaptiveYields : 0;
  if (wait == "spin") return {.spin_ns = kAdaptiveSpinNs, .yields = yields, .sleeps = false};
  const std::int64_t spin_us = config.GetInteger(Setting::kSpinUs);
  if (spin_us >= 0) return {.spin_ns = spin_us * 1000, .yields = yields};
  return {.spin_ns = crowded ? 0 : kAdaptiveSpinNs, .yields = yields};
}

}  // namespace ronde
