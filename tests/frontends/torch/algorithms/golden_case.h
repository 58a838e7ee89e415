#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/frontends/torch/algorithms/golden_schedule.h"
#include "tests/frontends/torch/algorithms/reference_training.h"
#include "tests/frontends/torch/algorithms/small_training.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {

/// One way of training that is compared with its reference over 200 steps.
struct GoldenCase {
  std::string algorithm = "minibatch";
  int workers = 1;               ///< K
  int ranks = 1;                 ///< those beyond one per rank are virtual
  bool virtual_workers = false;  ///< through LocalWorkers, also where each rank has but one
  AlgorithmOptions options;
  TrainingSettings settings;
  GoldenRate rate = GoldenRate::kUneven;
  double local_scale = 1;

  [[nodiscard]] GoldenSchedule Schedule() const {
    // Local SGD ignores T: it is local from the start.
    const std::int64_t last_minibatch = algorithm == "minibatch" ? GoldenCalendar::kSteps
                                        : algorithm == "local"   ? 0
                                                                 : options.switch_step;
    const bool small = settings.local_batch == GoldenCalendar::kSmallBatch;
    return {rate, workers, {last_minibatch, small}, local_scale};
  }
  /// num_batches_tracked of each worker after step `t`.
  [[nodiscard]] double BatchesAfter(std::int64_t t) const {
    return settings.batch_norm ? static_cast<double>(t * options.accumulation_steps) : 0;
  }
  [[nodiscard]] std::string Label() const {
    constexpr std::string_view kMomenta[] = {"keep", "reset", "average"};
    return StrCat(
        algorithm, ", K ", workers, " on ", ranks, virtual_workers ? " (virtual)" : "", ", H ",
        options.local_steps, ", T ", options.switch_step, ", momenta ",
        kMomenta[static_cast<int>(options.momentum)], ", slow ", options.slow_momentum, "/",
        options.slow_lr, ", momentum ", settings.momentum, settings.nesterov ? " nesterov" : "",
        settings.classic_form ? " classic" : "", ", passes ", options.accumulation_steps,
        ", clipped to ", options.max_gradient_norm, ", decay ", settings.weight_decay,
        settings.decay_norm ? "" : " but norms", ", rate ", Name(rate), " x ", local_scale,
        ", local batch ", settings.local_batch, settings.batch_norm ? ", batch norm" : "");
  }
};

/// max |actual - expected| / max |expected|; both zero: 0; infinite where a value is not finite.
inline double RelativeDifference(const at::Tensor& actual, const std::vector<double>& expected) {
  EXPECT_EQ(actual.numel(), static_cast<std::int64_t>(expected.size()));
  const double* values = actual.const_data_ptr<double>();
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference = std::fmax(difference, std::abs(values[i] - expected[i]));
    size = std::fmax(size, std::abs(expected[i]));
    const bool finite = std::isfinite(values[i]) && std::isfinite(expected[i]);
    if (!finite) return std::numeric_limits<double>::infinity();
  }
  return difference == 0 ? 0 : difference / size;
}

/// Runs cases and keeps the largest difference seen.
class GoldenComparison {
 public:
  static constexpr double kTolerance = 1e-12;

  /// Weights, momenta and statistics of every worker after every step, against the reference's.
  void Run(const GoldenCase& golden) {
    const Trajectory expected = Reference(golden);
    RunSessions(golden.ranks, [&](Session& session) { Follow(session, golden, expected); });
  }
  [[nodiscard]] double largest() const { return largest_; }

 private:
  using Vector = ReferenceModel::Vector;
  struct WorkerVectors {
    Vector weights, momentum, statistics;
  };
  using Trajectory = std::vector<std::vector<WorkerVectors>>;  // by step, by worker

  static Trajectory Reference(const GoldenCase& golden) {
    TrainingSettings settings = golden.settings;
    settings.learning_rate = golden.Schedule().References();
    ReferenceTraining training(golden.algorithm, golden.workers, golden.options, settings);
    Trajectory trajectory;
    for (std::int64_t t = 1; t <= GoldenCalendar::kSteps; ++t) {
      training.Step(t);
      std::vector<WorkerVectors>& workers = trajectory.emplace_back();
      for (int k = 0; k < golden.workers; ++k) {
        workers.push_back({training.weights(k), training.momentum(k), training.statistics(k)});
      }
    }
    return trajectory;
  }

  static double Difference(const WorkerState& actual, const WorkerVectors& expected,
                           bool has_momentum) {
    const double momentum =
        has_momentum ? RelativeDifference(actual.momentum, expected.momentum) : 0;
    return std::max({RelativeDifference(actual.weights, expected.weights), momentum,
                     RelativeDifference(actual.statistics, expected.statistics)});
  }

  void Follow(Session& session, const GoldenCase& golden, const Trajectory& expected) {
    TrainingSettings settings = golden.settings;
    settings.learning_rate = golden.Schedule().Trainers();
    const int workers = golden.workers / golden.ranks;
    SmallTraining training(session, golden.algorithm, golden.options, settings, at::kDouble,
                           golden.virtual_workers || workers > 1 ? workers : 0);
    double largest = 0;
    for (std::int64_t t = 1; t <= GoldenCalendar::kSteps; ++t) {
      training.Step(t);
      for (int w = 0; w < workers; ++w) {
        const int k = session.rank() * workers + w;
        const WorkerState state = training.StateOf(w);
        const double difference = Difference(state, expected[t - 1][k], settings.momentum > 0);
        // Said once; the other ranks need this one to the end.
        EXPECT_TRUE(difference <= kTolerance || largest > kTolerance)
            << golden.Label() << ", worker " << k << ", step " << t << ": " << difference;
        EXPECT_EQ(state.batches_tracked, golden.BatchesAfter(t)) << golden.Label();
        largest = std::fmax(largest, difference);
      }
    }
    const std::lock_guard lock(mutex_);
    largest_ = std::fmax(largest_, largest);
  }

  std::mutex mutex_;
  double largest_ = 0;  // guarded by mutex_
};

}  // namespace ronde
