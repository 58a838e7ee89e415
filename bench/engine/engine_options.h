#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde::bench {

/// How operations that come again are agreed on: in full each time, by the response cache, or by a
/// locked schedule.
enum class ControlMode { kUncached, kCached, kLocked };
[[nodiscard]] std::string_view Name(ControlMode mode);
[[nodiscard]] std::optional<ControlMode> ParseControlMode(std::string_view name);
/// `config` with nothing better than `mode` switched on. What is given for the cache and the lock
/// stays, so that --response-cache-capacity 16 measures a cache that is too small.
[[nodiscard]] Result<Config> WithMode(const Config& config, ControlMode mode);
/// Iterations before that mode is in its steady state.
[[nodiscard]] int IterationsToSettle(const Config& config);

/// The order in which ranks submit the same names: equal, each rank its own, or a new one of each
/// rank's every time.
enum class SubmitOrder { kSame, kByRank, kRandom };
[[nodiscard]] std::string_view Name(SubmitOrder order);
[[nodiscard]] std::optional<SubmitOrder> ParseSubmitOrder(std::string_view name);

/// What `negotiate` measures: every number of tensors on every number of ranks in every mode.
struct NegotiateOptions {
  std::vector<int> tensors = {1, 16, 161, 1000};
  /// Ranks as threads; where a launcher has started ranks, those are measured.
  std::vector<int> ranks = {2, 4, 8, 16, 32, 64};
  bool ranks_given = false;
  std::vector<ControlMode> modes = {ControlMode::kUncached, ControlMode::kCached,
                                    ControlMode::kLocked};
  SubmitOrder order = SubmitOrder::kByRank;
  int cycles = 20;
  int warmup_cycles = 5;
};

/// What `idle` measures.
struct IdleOptions {
  double seconds = 10;  ///< of each situation
};

}  // namespace ronde::bench
