#pragma once

#include <cstdint>

#include "core/base/config.h"

namespace ronde {

/// How a wait in shared memory passes its time before it sleeps. A core per rank: spin, because a
/// wake-up across cores costs tens of microseconds. More ranks than cores: give the core away a few
/// times, because the awaited rank may need it. Rank-local: it never changes results.
struct WaitPolicy {
  std::int64_t spin_ns = 50'000;  ///< between two looks at the deadline and at the job
  int yields = 0;                 ///< after each spin
  bool sleeps = true;             ///< then; else it spins and yields again

  /// As --wait and --spin-us say for `local_ranks` ranks that share `cores` cores.
  [[nodiscard]] static WaitPolicy For(const Config& config, int local_ranks, int cores);
};

}  // namespace ronde
