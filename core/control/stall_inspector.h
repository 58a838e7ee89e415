#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <tuple>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/control/negotiator.h"

namespace ronde {

/// Watches for names that some ranks wait for and others do not submit: warns once per stall, and
/// after a longer time asks for the job's end. An observer; thread rule: engine-only (rank 0).
class StallInspector {
 public:
  using Warn = std::function<void(const std::string&)>;

  /// A limit of 0 seconds is off. `warn` gets each warning, by default the log.
  StallInspector(const Clock& clock, double warning_s, double shutdown_s, Warn warn = {});

  /// Looks at every waiting name, longest first. Not ok (kAborted) when one has reached the
  /// shutdown limit; names that have newly reached the warning limit share one warning.
  [[nodiscard]] Status Check(std::span<const WaitingTensor> waiting);

  /// When to check next while the longest waiting name has waited since `since_ns`; INT64_MAX where
  /// both limits are off. Later stalls are seen at most a quarter of the shorter limit late.
  [[nodiscard]] std::int64_t NextCheckNs(std::int64_t since_ns) const;

 private:
  const Clock& clock_;
  const std::int64_t warning_ns_;
  const std::int64_t shutdown_ns_;
  const Warn warn_;
  std::int64_t last_check_ns_;
  // Of what has been warned: process set, name and since when it has waited.
  std::set<std::tuple<int, std::string, std::int64_t>> warned_;
};

}  // namespace ronde
