#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/autotuning/autotune_sink.h"
#include "core/base/clock.h"
#include "core/control/tunables.h"

namespace ronde {

/// What the autotuner may change, and how long it looks at each point.
struct AutotuneOptions {
  /// Whether several hosts reduce inside each host first can be chosen.
  bool several_hosts = false;
  /// What somebody has set by hand is left alone.
  bool tunes_fusion_threshold = true;
  bool tunes_cycle_time = true;
  bool tunes_chunk = true;
  bool tunes_one_shot = true;
  /// The most that Executor::Apply can put into force.
  std::int64_t largest_chunk_bytes = 1 << 20;

  int sample_points = 8;    ///< spread over the space, besides the default
  int bayes_points = 16;    ///< at most, where the model expects most
  int windows = 3;          ///< of which a point's score is the median
  int compare_windows = 7;  ///< of each of the two that are compared at the end
  /// Ends of a window: as many iterations and as much outstanding time.
  int window_iterations = 10;
  std::int64_t window_ns = 50'000'000;
  /// Iterations that do not count after a switch: at least --lock-after where schedules lock.
  int warmup_iterations = 3;
  /// What the best must be ahead by at the least, beyond the noise that the comparison has seen.
  double least_gain = 0.02;
  std::uint64_t seed = 1;
};

/// Looks for better tunables while a job runs: rank 0 tells it what it has executed and sends what
/// it proposes to all ranks with the next list. It tries the default, points that are spread over
/// the space, and then those of which a Gaussian process expects the most improvement. At the end
/// the best and the default take turns, and the default stays unless it is beaten beyond noise.
///
/// A point's score is payload per outstanding second in windows of whole iterations; their median.
/// Deterministic for a seed and the times that it is told: no I/O, no thread, no Engine. Proposing
/// takes less than a millisecond, once for each point.
/// Thread rule: engine-only.
/// Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006; Snoek, Larochelle &
/// Adams, Practical Bayesian Optimization of Machine Learning Algorithms, NIPS 2012.
class Autotuner {
 public:
  /// `defaults`: what is in force, that is Executor::tunables() with the engine's cycle time.
  /// `clock` and `sink`, which may be null, must outlive the autotuner.
  Autotuner(const Tunables& defaults, const AutotuneOptions& options, const Clock& clock,
            AutotuneSink* sink = nullptr);
  ~Autotuner();
  Autotuner(const Autotuner&) = delete;
  Autotuner& operator=(const Autotuner&) = delete;

  /// For each operation of a list, before the list's OnListExecuted: an iteration is what passes
  /// until a name comes again. Where it is never called, each list counts as one. Cheap.
  void OnOperation(std::string_view name);
  /// A list has been executed on rank 0: its payload, when the first of its operations was asked
  /// for there (TensorEntry::enqueued_ns), and when the last has completed. Overlap between lists
  /// is counted once.
  void OnListExecuted(std::uint64_t payload_bytes, std::int64_t begin_ns, std::int64_t end_ns);

  /// Whether TakeNext has something: a locked schedule has to be unlocked for it.
  [[nodiscard]] bool has_next() const;
  /// New tunables to be sent with the next list, if it is time. They count as in force from the
  /// next OnListExecuted on.
  [[nodiscard]] std::optional<Tunables> TakeNext();
  /// The search has ended; what it settled on may still have to be taken.
  [[nodiscard]] bool finished() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ronde
