#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/gradient_benchmark.h"
#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"
#include "bench/engine/engine_options.h"
#include "core/base/config.h"

namespace ronde::bench {

/// One way of reducing all gradients of a step.
struct NegotiationRow {
  std::string way;                  ///< "bare", "flat" (one call over all of them), "engine"
  std::optional<ControlMode> mode;  ///< of the engine
  std::string buffers;              ///< "registered" or "private"
  Timing timing;
  /// The engine's time less the bare collectives' in the same round: the median of the rounds'
  /// differences of medians. That is what negotiation costs.
  double negotiation_us = 0;
  /// The median ratio, in the same way, to one call over as many bytes.
  double ratio_to_flat = 0;
  std::int64_t wrong = 0;
};

/// All ways of one type and operator; see GradientTable.
struct NegotiationTable {
  std::string model;
  std::int64_t tensors = 0;
  std::int64_t size_bytes = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kAverage;
  int ranks = 1;
  int samples = 0;
  bool checked = false;
  std::vector<NegotiationRow> rows = {};
};

/// Collective: times a step of all gradients of `options.gradients`, one operation each and all
/// submitted at once, in every mode of the engine, and the same batches without an engine, which
/// take turns. Errors: kInvalidArgument for an unknown model; those of the collectives.
Status MeasureNegotiation(const BenchOptions& options, const Config& config, DirectRunner& direct,
                          const SessionMaker& make_session,
                          const std::function<void(const NegotiationTable&)>& sink);

}  // namespace ronde::bench
