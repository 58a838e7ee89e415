#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/control/message.h"
#include "core/observation/metrics_histogram.h"

namespace ronde {

/// One kind of operation on this rank, cumulative. Times in seconds.
struct OperationMetrics {
  OperationKind kind = OperationKind::kAllreduce;
  std::uint64_t calls = 0;          ///< completed without failure
  std::uint64_t payload_bytes = 0;  ///< of those, this rank's input
  HistogramSnapshot negotiation_s;  ///< from the call until all ranks have asked for it
  HistogramSnapshot queue_s;        ///< from there until its batch begins
  HistogramSnapshot execution_s;    ///< a value for each batch, not for each operation
  HistogramSnapshot completion_s;   ///< from the call until the handle completes
};

/// A part of the work on batches: "PACK", "UNPACK", an algorithm, or a phase of one.
struct PhaseMetrics {
  std::string name;
  std::uint64_t calls = 0;
  double seconds = 0;
  std::uint64_t payload_bytes = 0;  ///< of the batches that it was part of
};

/// How often `rank` was the last to ask for something, and how long the first had then waited.
struct StragglerMetrics {
  int rank = 0;
  std::uint64_t times = 0;
  double wait_s = 0;
};

struct FailureMetrics {
  StatusCode code = StatusCode::kInternal;
  std::uint64_t operations = 0;
};

/// What a rank's engine has done since its start: plain data, cumulative but for the gauge. The
/// numbers are read one by one while the engine goes on, so they may be some operations apart.
struct MetricsSnapshot {
  int rank = 0;
  int size = 1;
  std::vector<OperationMetrics> operations;  ///< kinds that have occurred, in their order
  std::vector<PhaseMetrics> phases;          ///< in the order in which they first occurred
  std::vector<StragglerMetrics> stragglers;  ///< rank 0 only: those that came last at least once
  std::vector<FailureMetrics> failures;      ///< for every code but kOk
  std::uint64_t lists = 0;                   ///< of agreed operations
  std::uint64_t locked_lists = 0;            ///< of those, from the locked schedule
  std::uint64_t cache_hits = 0;              ///< operations answered from the response cache
  std::uint64_t cache_misses = 0;            ///< operations negotiated in full
  HistogramSnapshot batch_tensors;           ///< tensors in a batch; members of a group count
  HistogramSnapshot fusion_fill;  ///< an allreduce's batch in fusion thresholds: 1 is a full one

  // What the session adds, see SessionCounters.
  std::uint64_t in_flight = 0;  ///< gauge: submitted here and not completed
  std::uint64_t bytes_on_wire = 0;
  std::uint64_t bytes_packed = 0;
  double seconds_outstanding = 0;
};

}  // namespace ronde
