#pragma once

#include <functional>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/session_maker.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde::bench {

/// Runs `body` as `ranks` ranks that are threads of this process, each with sessions of its own.
/// Where one fails, the others end soon. Returns the first failure in time.
Status RunAsThreads(int ranks, const Config& config,
                    const std::function<Status(DirectRunner&, const SessionMaker&)>& body);

}  // namespace ronde::bench
