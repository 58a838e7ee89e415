#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "tests/frontends/torch/algorithms/small_training.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {

/// What a training of K workers is, wherever they run.
struct WorkersTraining {
  std::string_view algorithm = "minibatch";
  int workers = 1;
  AlgorithmOptions options;
  TrainingSettings settings;
  at::ScalarType type = at::kFloat;
};

/// Sums over workers in tree order, so that bits do not depend on the number of ranks.
inline Config TreeConfig() {
  Config config;
  ThrowIfError(config.Set(Setting::kReproducible, "tree", SettingOrigin::kFlag));
  return config;
}

/// One rank's part of `training`, always through LocalWorkers.
inline SmallTraining MakeWorkers(Session& session, const WorkersTraining& training) {
  return {session,           training.algorithm, training.options,
          training.settings, training.type,      training.workers / session.size()};
}

/// Runs `body(training)` on each of `ranks` ranks and returns every worker's state after it.
inline std::vector<WorkerState> TrainWorkers(const WorkersTraining& training, int ranks,
                                             const std::function<void(SmallTraining&)>& body,
                                             const Config& config = TreeConfig()) {
  std::vector<WorkerState> states(training.workers);
  RunSessions(
      ranks,
      [&](Session& session) {
        SmallTraining part = MakeWorkers(session, training);
        body(part);
        for (int w = 0; w < part.worker_count(); ++w) {
          states[session.rank() * part.worker_count() + w] = part.StateOf(w);
        }
      },
      config);
  return states;
}

/// Steps first .. last.
inline std::function<void(SmallTraining&)> Steps(std::int64_t first, std::int64_t last) {
  return [=](SmallTraining& training) {
    for (std::int64_t t = first; t <= last; ++t) training.Step(t);
  };
}

inline bool SameBits(const WorkerState& a, const WorkerState& b) {
  return torch::equal(a.weights, b.weights) && torch::equal(a.momentum, b.momentum) &&
         torch::equal(a.statistics, b.statistics) && a.batches_tracked == b.batches_tracked;
}
inline bool SameBits(const std::vector<WorkerState>& a, const std::vector<WorkerState>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (!SameBits(a[k], b[k])) return false;
  }
  return true;
}

}  // namespace ronde
