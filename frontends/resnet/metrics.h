#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.h"
#include "frontends/session/session.h"

namespace ronde {

/// Sums over images; figures of several workers add up without padding or weighting.
struct MetricSums {
  double loss = 0;
  double correct = 0;
  double images = 0;

  [[nodiscard]] double mean_loss() const { return images > 0 ? loss / images : 0; }
  [[nodiscard]] double top1() const { return images > 0 ? correct / images : 0; }
};

/// Collective: the sums over all ranks, on every rank. Errors: those of an allreduce.
[[nodiscard]] Result<MetricSums> SumOverRanks(Session& session, const std::string& name,
                                              const MetricSums& mine);

}  // namespace ronde
