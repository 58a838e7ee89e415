// Mistakes that other implementations make, each by its name. Padded validation is in
// tests/frontends/resnet/traps_test.py; checkpoints that drop local state in mid_window_test.cc.
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/averaged_model.h"
#include "tests/frontends/torch/algorithms/train_workers.h"

namespace ronde {
namespace {

constexpr std::int64_t kSteps = 12;

// The steps that say so, which must be those that communicate.
std::vector<std::int64_t> SynchronizedSteps(const WorkersTraining& training, int ranks) {
  std::vector<std::int64_t> steps;
  RunSessions(ranks, [&](Session& session) {
    SmallTraining part = MakeWorkers(session, training);
    for (std::int64_t t = 1; t <= kSteps; ++t) {
      const std::uint64_t operations = session.counters().operations;
      const bool synchronized = part.Step(t).synchronized;
      EXPECT_EQ(synchronized, session.counters().operations > operations) << "step " << t;
      if (synchronized && session.rank() == 0) steps.push_back(t);
    }
  });
  return steps;
}

TEST(TrapAveragingAfterTheFirstLocalStep, AveragesOnlyWhereAWindowEnds) {
  for (const int ranks : {2, 4}) {
    EXPECT_THAT(SynchronizedSteps({"local", 4, {5}}, ranks), testing::ElementsAre(5, 10));
    EXPECT_THAT(SynchronizedSteps({"post-local", 4, {4, 3}}, ranks),
                testing::ElementsAre(1, 2, 3, 7, 11));
    EXPECT_THAT(SynchronizedSteps({"slowmo", 4, {4, 3}}, ranks),
                testing::ElementsAre(1, 2, 3, 7, 11));
  }
}

TEST(TrapAveragingAfterTheFirstLocalStep, WorkersDifferThroughoutAWindow) {
  RunSessions(2, [](Session& session) {
    SmallTraining part = MakeWorkers(session, {"local", 4, {5}, {}, at::kDouble});
    for (std::int64_t t = 1; t <= kSteps; ++t) {
      part.Step(t);
      const bool agree = torch::equal(part.StateOf(0).weights, part.StateOf(1).weights);
      EXPECT_EQ(agree, t % 5 == 0) << "step " << t;
    }
  });
}

// A counter that starts again with every epoch would average after steps 4, 8, 12 or never.
TEST(TrapPerEpochWindow, AWindowLongerThanAnEpochOf4StepsEndsInALaterEpoch) {
  EXPECT_THAT(SynchronizedSteps({"local", 2, {6}}, 2), testing::ElementsAre(6, 12));
  EXPECT_THAT(SynchronizedSteps({"post-local", 2, {7, 4}}, 2),
              testing::ElementsAre(1, 2, 3, 4, 11));
  EXPECT_THAT(SynchronizedSteps({"slowmo", 2, {7, 4}}, 2), testing::ElementsAre(1, 2, 3, 4, 11));
}

at::Tensor Anchor(SmallTraining& training) {
  for (const auto& [name, tensor] : training.algorithm().State()) {
    if (name == "slowmo.anchor") return tensor.clone();
  }
  ADD_FAILURE() << "slowmo has no state \"slowmo.anchor\"";
  return {};
}

TEST(TrapAnchorTakenOneStepLate, TheAnchorIsTheWeightsAfterTheSwitchStep) {
  for (const std::int64_t switch_step : {0, 1, 5}) {
    RunSessions(3, [&](Session& session) {
      SmallTraining part = MakeWorkers(session, {"slowmo", 3, {4, switch_step}});
      Steps(1, switch_step)(part);
      const at::Tensor at_switch = part.StateOf(0).weights;
      for (std::int64_t t = switch_step + 1; t < switch_step + 4; ++t) {
        part.Step(t);
        EXPECT_TRUE(torch::equal(Anchor(part), at_switch)) << "T " << switch_step << ", step " << t;
      }
    });
  }
}

// With beta = 0 the first average ends at (1 - alpha) x0 + alpha mean(w): x0 can be read off.
TEST(TrapAnchorTakenOneStepLate, TheFirstAverageMovesFromTheSwitchStepsWeights) {
  for (const std::int64_t switch_step : {0, 3}) {
    const AlgorithmOptions options{
        .local_steps = 4, .switch_step = switch_step, .slow_momentum = 0, .slow_lr = 0.5};
    const auto run = [&](std::string_view algorithm, std::int64_t steps) {
      const WorkersTraining training{algorithm, 2, options, {}, at::kDouble};
      return TrainWorkers(training, 2, Steps(1, steps))[0].weights;
    };
    const at::Tensor anchor = run("slowmo", switch_step);
    const at::Tensor mean = run("post-local", switch_step + 4);
    const at::Tensor moved = run("slowmo", switch_step + 4);
    EXPECT_LT((2 * moved - mean - anchor).abs().max().item<double>(), 1e-14);
    const at::Tensor late = run("slowmo", switch_step + 1);
    EXPECT_GT((late - anchor).abs().max().item<double>(), 1e-3) << "a late anchor would show";
  }
}

void SetCounter(SmallTraining& training, double value) {
  const torch::NoGradGuard no_grad;
  training.norm()->num_batches_tracked.fill_(value);
}

// A counter is no statistic, of whatever type: C++ Module::to(dtype) makes it floating-point.
TEST(TrapAveragingNumBatchesTracked, CountersStayEachWorkersOwn) {
  for (const std::string_view algorithm : AlgorithmNames()) {
    const WorkersTraining training{
        algorithm,
        4,
        {.local_steps = 2, .switch_step = 4, .momentum = MomentumAtAverage::kAverage}};
    RunSessions(2, [&](Session& session) {
      SmallTraining part = MakeWorkers(session, training);
      const auto before = [&](int w) { return 100.0 * (2 * session.rank() + w + 1); };
      for (int w = 0; w < 2; ++w) {
        part.workers()->Activate(w);
        SetCounter(part, before(w));
      }
      for (std::int64_t t = 1; t <= kSteps; ++t) part.Step(t);
      for (int w = 0; w < 2; ++w) {
        const AveragedModel evaluated(session, *part.workers());
        EXPECT_EQ(std::fmod(part.norm()->num_batches_tracked.item<double>(), 100), kSteps);
      }
      for (int w = 0; w < 2; ++w) EXPECT_EQ(part.StateOf(w).batches_tracked, before(w) + kSteps);
    });
  }
}

// What one step hands to collectives, in bytes: the gradients, or one model, or one and its
// momenta.
std::uint64_t ExpectedBytes(const WorkersTraining& training, std::int64_t t) {
  const std::uint64_t model = 4 * ReferenceModel{}.count();
  const AlgorithmOptions& options = training.options;
  const std::int64_t last_minibatch = training.algorithm == "minibatch" ? kSteps
                                      : training.algorithm == "local"   ? 0
                                                                        : options.switch_step;
  if (t <= last_minibatch) return model;
  if ((t - last_minibatch) % options.local_steps != 0) return 0;
  return options.momentum == MomentumAtAverage::kAverage ? 2 * model : model;
}

// Statistics that travel at every forward pass would show in the bytes, and as equal statistics.
TEST(TrapBatchNormBroadcast, BytesOfEveryStepAreTheClosedFormExactly) {
  for (const std::string_view algorithm : AlgorithmNames()) {
    for (const MomentumAtAverage momentum :
         {MomentumAtAverage::kKeep, MomentumAtAverage::kReset, MomentumAtAverage::kAverage}) {
      const WorkersTraining training{algorithm, 4, {3, 4, momentum}};
      for (const int ranks : {1, 2, 4}) {
        RunSessions(ranks, [&](Session& session) {
          SmallTraining part = MakeWorkers(session, training);
          for (std::int64_t t = 1; t <= kSteps; ++t) {
            const std::uint64_t before = session.counters().payload_bytes;
            part.Step(t);
            EXPECT_EQ(session.counters().payload_bytes - before, ExpectedBytes(training, t))
                << algorithm << ", momenta " << static_cast<int>(momentum) << ", " << ranks
                << " ranks, step " << t;
          }
        });
      }
    }
  }
}

TEST(TrapBatchNormBroadcast, StatisticsStayEachWorkersOwn) {
  for (const std::string_view algorithm : AlgorithmNames()) {
    const auto states = TrainWorkers({algorithm, 4, {3, 4}}, 2, Steps(1, kSteps));
    for (int k = 1; k < 4; ++k) {
      EXPECT_FALSE(torch::equal(states[k].statistics, states[0].statistics)) << algorithm;
    }
  }
}

}  // namespace
}  // namespace ronde
