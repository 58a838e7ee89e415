#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/measurement.h"
#include "bench/collectives/options.h"
#include "bench/collectives/session_maker.h"

namespace ronde::bench {

/// The time of a whole step in one way of one library.
struct GradientRow {
  std::string library;                       ///< "ronde", or a peer
  std::string path;                          ///< "engine" or "direct"
  std::string way;                           ///< what is submitted: see MeasureGradients
  std::string buffers;                       ///< "registered" or "private"
  std::int64_t fusion_threshold_bytes = -1;  ///< -1: has none
  std::int64_t bucket_size_bytes = -1;       ///< likewise
  ReduceOp op = ReduceOp::kAverage;          ///< of the result: kSum where a peer does not scale
  bool supported = true;
  Timing timing = {};
  std::int64_t wrong = 0;
};

/// All ways of one type and operator.
struct GradientTable {
  std::string model;
  std::int64_t tensors = 0;
  std::int64_t count = 0;
  std::int64_t size_bytes = 0;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kAverage;
  int ranks = 1;
  int samples = 0;
  bool checked = false;
  std::vector<GradientRow> rows = {};
};

/// Collective: times a step of `options.gradients` in every way, which take turns as contenders of
/// a sweep do. Ways: "group" (all tensors one operation), "buckets" (of neighbours), "tensors" (one
/// operation, or call, for each), "flat" (one call over all of them packed). Peers reduce tensor by
/// tensor in place; for an average, which they lack, they are timed with the sums scaled, and
/// without.
/// Errors: kInvalidArgument for an unknown model; those of the collectives.
Status MeasureGradients(const BenchOptions& options, const Config& config, DirectRunner& direct,
                        const SessionMaker& make_session,
                        const std::function<void(const GradientTable&)>& sink);

}  // namespace ronde::bench
