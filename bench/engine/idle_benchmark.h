#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/direct_runner.h"
#include "bench/engine/engine_options.h"
#include "core/base/config.h"
#include "frontends/session/session.h"

namespace ronde::bench {

/// What this process's threads have cost so far.
struct ProcessUsage {
  double cpu_s = 0;             ///< user and system
  double context_switches = 0;  ///< voluntary and not
};
[[nodiscard]] ProcessUsage UsageOfThisProcess();

/// One situation in which no rank has anything to do, by rank.
struct IdleRow {
  std::string situation;
  double seconds = 0;
  std::vector<double> cpu_percent;  ///< of one core
  std::vector<double> switches_per_s;
};

/// Makes a session with the given settings, collectively.
using IdleSessionMaker = std::function<Result<std::unique_ptr<Session>>(const Config&)>;

/// Collective, for processes (a process's threads are counted together): what an engine costs while
/// it waits, in every situation for `options.seconds`, each after a burst of equal operations that
/// would lock a schedule. "idle": nothing is asked for. The others: one rank has asked for a tensor
/// and all others have not, a new one (rank 0 or the last rank asks) or the one of the burst.
Status MeasureIdle(const IdleOptions& options, const Config& config, DirectRunner& direct,
                   const IdleSessionMaker& make_session,
                   const std::function<void(const IdleRow&)>& sink);

[[nodiscard]] std::string IdleHeading(const IdleOptions& options, int ranks);
[[nodiscard]] std::string IdleLine(const IdleRow& row);
/// One JSON object, without a newline.
[[nodiscard]] std::string IdleJson(const IdleRow& row);

}  // namespace ronde::bench
