#pragma once

#include <cstdint>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/frontends/torch/algorithms/golden_case.h"
#include "tests/frontends/torch/algorithms/pairwise.h"

namespace ronde {

/// K workers, and how many ranks play them.
struct GoldenLayout {
  int workers, ranks;
  bool virtual_workers;
};

/// The product of all options that a training may have, thinned to rows in which each choice of one
/// option meets each choice of every other.
class GoldenProduct {
 public:
  GoldenProduct(std::vector<std::string_view> algorithms, std::vector<GoldenLayout> layouts)
      : algorithms_(std::move(algorithms)), layouts_(std::move(layouts)) {}

  void ExpectFollowTheReference() const {
    const PairwiseRows pairwise({Size(layouts_), Size(kOptimizers), Size(algorithms_),
                                 Size(kLocalSteps), Size(kSwitchSteps), Size(kMomenta),
                                 Size(kRates), Size(kLocalPhases), Size(kSlow), Size(kGradients)});
    GoldenComparison comparison;
    for (const std::vector<int>& row : pairwise.rows()) comparison.Run(CaseOf(row));
    std::cout << pairwise.rows().size() << " combinations, largest relative difference "
              << comparison.largest() << '\n';
  }

 private:
  struct LocalPhase {
    double scale;
    int batch;
  };
  struct Slow {
    double momentum, lr;
  };
  struct Gradients {
    int passes;
    double max_norm;
  };
  static inline const std::vector<TrainingSettings> kOptimizers = {
      {.momentum = 0.9, .nesterov = true, .weight_decay = 1e-2},
      {.momentum = 0.9, .nesterov = false, .weight_decay = 1e-2, .decay_norm = false},
      {.momentum = 0, .nesterov = false, .weight_decay = 1e-2, .batch_norm = false},
      {.momentum = 0.9, .nesterov = true, .weight_decay = 0, .classic_form = true},
      {.momentum = 0.9,
       .nesterov = false,
       .weight_decay = 1e-2,
       .classic_form = true,
       .batch_norm = false},
  };
  static inline const std::vector<std::int64_t> kLocalSteps = {1, 2, 4, 7, 300};
  // From the start; within an epoch; at the end of one, so that windows of 7 cross the next; never.
  static inline const std::vector<std::int64_t> kSwitchSteps = {0, 50, 60, GoldenCalendar::kSteps};
  static inline const std::vector<MomentumAtAverage> kMomenta = {
      MomentumAtAverage::kKeep, MomentumAtAverage::kReset, MomentumAtAverage::kAverage};
  static inline const std::vector<GoldenRate> kRates = {
      GoldenRate::kUneven, GoldenRate::kStep, GoldenRate::kCosine, GoldenRate::kLongWarmup};
  static inline const std::vector<LocalPhase> kLocalPhases = {{1, ReferenceModel::kBatch},
                                                              {0.5, ReferenceModel::kBatch},
                                                              {1.5, GoldenCalendar::kSmallBatch}};
  static inline const std::vector<Slow> kSlow = {{0.5, 1}, {0, 1}, {0.7, 0.5}, {0.3, 0.5}};
  static inline const std::vector<Gradients> kGradients = {{1, 0}, {2, 0}, {1, 0.2}};

  template <typename T>
  static int Size(const std::vector<T>& choices) {
    return static_cast<int>(choices.size());
  }

  // An algorithm ignores the options that have no meaning for it.
  [[nodiscard]] GoldenCase CaseOf(const std::vector<int>& row) const {
    const GoldenLayout& layout = layouts_[row[0]];
    const Slow& slow = kSlow[row[8]];
    const Gradients& gradients = kGradients[row[9]];
    GoldenCase golden;
    golden.algorithm = algorithms_[row[2]];
    golden.workers = layout.workers;
    golden.ranks = layout.ranks;
    golden.virtual_workers = layout.virtual_workers;
    golden.settings = kOptimizers[row[1]];
    golden.options = {.local_steps = kLocalSteps[row[3]],
                      .switch_step = kSwitchSteps[row[4]],
                      .momentum = kMomenta[row[5]],
                      .slow_momentum = slow.momentum,
                      .slow_lr = slow.lr,
                      .max_gradient_norm = gradients.max_norm,
                      .accumulation_steps = gradients.passes};
    golden.rate = kRates[row[6]];
    // A phase begins with an epoch in the trainer: only there it may have a batch size of its own.
    const bool begins_with_an_epoch =
        golden.Schedule().calendar.switch_step % GoldenCalendar::kMinibatchSteps == 0;
    const LocalPhase& phase = kLocalPhases[begins_with_an_epoch ? row[7] : 0];
    golden.local_scale = phase.scale;
    golden.settings.local_batch = phase.batch;
    return golden;
  }

  std::vector<std::string_view> algorithms_;
  std::vector<GoldenLayout> layouts_;
};

inline std::vector<GoldenLayout> RanksOfOneWorker() {
  return {{1, 1, false}, {2, 2, false}, {3, 3, false}, {8, 8, false}};
}
inline std::vector<GoldenLayout> RanksOfSeveralWorkers() {
  return {{3, 1, true}, {8, 1, true}, {8, 2, true}, {8, 4, true}};
}

}  // namespace ronde
