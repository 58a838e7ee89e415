#pragma once

#include <cstdint>

namespace ronde {

/// How a wait in shared memory passes its time before it sleeps. A core per rank: spin, because a
/// wake-up across cores costs tens of microseconds. More ranks than cores: give the core away a few
/// times, because the awaited rank may need it. Rank-local: it never changes results.
struct WaitPolicy {
  std::int64_t spin_ns = 50'000;
  int yields = 0;

  /// `spin_us` as in --spin-us: -1 adapts to `local_ranks` and the cores that this process may use.
  [[nodiscard]] static WaitPolicy For(std::int64_t spin_us, int local_ranks);
};

}  // namespace ronde
