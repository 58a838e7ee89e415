#include "collectives/shared/wait_policy.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace ronde {
namespace {

constexpr std::int64_t kAdaptiveSpinNs = 50'000;
constexpr int kAdaptiveYields = 32;

int UsableCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

WaitPolicy WaitPolicy::For(std::int64_t spin_us, int local_ranks) {
  const bool crowded = local_ranks > UsableCores();
  WaitPolicy policy;
  policy.yields = crowded ? kAdaptiveYields : 0;
  policy.spin_ns = crowded ? 0 : kAdaptiveSpinNs;
  if (spin_us >= 0) policy.spin_ns = spin_us * 1000;
  return policy;
}

}  // namespace ronde
