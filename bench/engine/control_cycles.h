#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/engine/counting_transport.h"
#include "bench/engine/engine_options.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde::bench {

/// A cycle submits every tensor and waits for all of them.
struct CyclePlan {
  int tensors = 1;
  int warmup_cycles = 0;  ///< before the timed ones
  int cycles = 1;
  SubmitOrder order = SubmitOrder::kByRank;
};

/// One rank's timed cycles, in nanoseconds of SteadyClock, and what it has sent in them.
struct RankCycles {
  std::vector<std::int64_t> begin_ns;      ///< before the first submission
  std::vector<std::int64_t> submitted_ns;  ///< after the last submission
  std::vector<std::int64_t> end_ns;        ///< after the last completion
  MessageCounts sent;
};

/// Collective over `transport`'s world: runs `plan` on an engine whose executor completes handles
/// and moves no data, so that nothing but the control plane is measured. Cycles follow one another
/// without a barrier, as training steps do.
[[nodiscard]] Result<RankCycles> RunControlCycles(std::unique_ptr<Transport> transport,
                                                  const Config& config, const CyclePlan& plan);

}  // namespace ronde::bench
