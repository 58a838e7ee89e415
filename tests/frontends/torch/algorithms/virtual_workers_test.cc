// K workers are the same training on however few ranks they are played.
#include <string>
#include <vector>

#include "tests/frontends/torch/algorithms/train_workers.h"

namespace ronde {
namespace {

constexpr std::int64_t kSteps = 12;

// Averages after steps 7 and 11, then a part of a window.
std::vector<WorkersTraining> Trainings(int workers) {
  const TrainingSettings classic{.classic_form = true};
  const TrainingSettings plain{.momentum = 0, .batch_norm = false};
  const AlgorithmOptions keep{.local_steps = 4, .switch_step = 3};
  AlgorithmOptions average = keep;
  average.momentum = MomentumAtAverage::kAverage;
  AlgorithmOptions reset = keep;
  reset.momentum = MomentumAtAverage::kReset;
  AlgorithmOptions clipped = keep;
  clipped.max_gradient_norm = 0.2;
  clipped.accumulation_steps = 2;
  std::vector<WorkersTraining> trainings;
  for (const std::string_view name : AlgorithmNames()) {
    trainings.push_back({name, workers, keep, {}, at::kFloat});
    trainings.push_back({name, workers, average, {}, at::kDouble});
    trainings.push_back({name, workers, average, classic, at::kFloat});
    trainings.push_back({name, workers, reset, {}, at::kFloat});
    trainings.push_back({name, workers, clipped, {}, at::kFloat});
    trainings.push_back({name, workers, keep, plain, at::kFloat});
  }
  return trainings;
}

std::string Label(const WorkersTraining& training) {
  return StrCat(training.algorithm, ", momenta ", static_cast<int>(training.options.momentum),
                ", passes ", training.options.accumulation_steps, ", momentum ",
                training.settings.momentum, training.settings.classic_form ? " classic" : "");
}

void ExpectSameBitsOn(const std::vector<int>& rank_counts, int workers) {
  for (const WorkersTraining& training : Trainings(workers)) {
    const auto expected = TrainWorkers(training, workers, Steps(1, kSteps));
    for (const int ranks : rank_counts) {
      EXPECT_TRUE(SameBits(TrainWorkers(training, ranks, Steps(1, kSteps)), expected))
          << Label(training) << ": " << workers << " workers on " << ranks << " ranks";
    }
  }
}

TEST(VirtualWorkers, EightGiveTheSameBitsOnOneTwoFourAndEightRanks) {
  ExpectSameBitsOn({1, 2, 4}, 8);
}

TEST(VirtualWorkers, SixGiveTheSameBitsOnThreeAndSixRanks) { ExpectSameBitsOn({3}, 6); }

TEST(VirtualWorkers, OneIsTheModuleAsItIs) {
  for (const WorkersTraining& training : Trainings(3)) {
    const auto expected = TrainWorkers(training, 3, Steps(1, kSteps));
    RunSessions(
        3,
        [&](Session& session) {
          SmallTraining plain(session, training.algorithm, training.options, training.settings,
                              training.type);
          Steps(1, kSteps)(plain);
          EXPECT_TRUE(SameBits(plain.StateOf(0), expected[session.rank()])) << Label(training);
        },
        TreeConfig());
  }
}

double RelativeDifference(const WorkerState& a, const WorkerState& b) {
  return ((a.weights - b.weights).abs().max() / b.weights.abs().max()).item<double>();
}

TEST(VirtualWorkers, InAnyOrderOfAdditionsAStepAgreesWithin1e6) {
  for (WorkersTraining training : Trainings(6)) {
    if (training.type != at::kFloat) continue;
    training.options.local_steps = 1;
    training.options.switch_step = 0;
    const auto expected = TrainWorkers(training, 6, Steps(1, 1), Config());
    for (const int ranks : {1, 2, 3}) {
      const auto actual = TrainWorkers(training, ranks, Steps(1, 1), Config());
      for (int k = 0; k < 6; ++k) {
        EXPECT_LT(RelativeDifference(actual[k], expected[k]), 1e-6) << Label(training) << ", " << k;
      }
    }
  }
}

}  // namespace
}  // namespace ronde
