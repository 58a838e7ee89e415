#include "collectives/shared/wait_policy.h"

#include "core/comm/topology.h"

namespace ronde {
namespace {

constexpr std::int64_t kAdaptiveSpinNs = 50'000;
constexpr int kAdaptiveYields = 32;

}  // namespace

WaitPolicy WaitPolicy::For(std::int64_t spin_us, int local_ranks) {
  const bool crowded = local_ranks > AvailableCores();
  WaitPolicy policy;
  policy.yields = crowded ? kAdaptiveYields : 0;
  policy.spin_ns = crowded ? 0 : kAdaptiveSpinNs;
  if (spin_us >= 0) policy.spin_ns = spin_us * 1000;
  return policy;
}

}  // namespace ronde
