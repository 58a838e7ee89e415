// Relations between the algorithms, and what their options accept.
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/averaged_model.h"
#include "tests/frontends/torch/algorithms/small_training.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

constexpr std::int64_t kSteps = 12;

struct Outcome {
  at::Tensor weights;
  at::Tensor momentum;
};

Outcome Train(Session& session, std::string_view algorithm, const AlgorithmOptions& options,
              TrainingSettings settings = {}, at::ScalarType type = at::kDouble) {
  SmallTraining training(session, algorithm, options, settings, type);
  for (std::int64_t t = 1; t <= kSteps; ++t) training.Step(t);
  return {training.weights().clone(), training.Momentum()};
}

double MaxDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

void ExpectSameBits(const Outcome& a, const Outcome& b) {
  EXPECT_TRUE(torch::equal(a.weights, b.weights));
  EXPECT_TRUE(torch::equal(a.momentum, b.momentum));
}

TEST(AlgorithmIdentities, PostLocalThatNeverSwitchesIsMinibatchBitForBit) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [](Session& session) {
      ExpectSameBits(Train(session, "post-local", {4, kSteps}, {}, at::kFloat),
                     Train(session, "minibatch", {}, {}, at::kFloat));
    });
  }
}

TEST(AlgorithmIdentities, PostLocalFromTheStartIsLocalBitForBit) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [](Session& session) {
      ExpectSameBits(Train(session, "post-local", {4, 0}, {}, at::kFloat),
                     Train(session, "local", {4}, {}, at::kFloat));
    });
  }
}

TEST(AlgorithmIdentities, SlowMoWithoutSlowMomentumIsLocal) {
  RunSessions(3, [](Session& session) {
    for (const std::int64_t switch_step : {0, 3}) {
      const AlgorithmOptions options{
          .local_steps = 4, .switch_step = switch_step, .slow_momentum = 0, .slow_lr = 1};
      EXPECT_LT(MaxDifference(Train(session, "slowmo", options).weights,
                              Train(session, "post-local", options).weights),
                1e-12);
      EXPECT_LT(MaxDifference(Train(session, "slowmo", options, {}, at::kFloat).weights,
                              Train(session, "post-local", options, {}, at::kFloat).weights),
                1e-6);
    }
  });
}

TEST(AlgorithmIdentities, LocalWithOneStepAndNoMomentumIsMinibatch) {
  RunSessions(3, [](Session& session) {
    const TrainingSettings plain{.momentum = 0};
    EXPECT_LT(MaxDifference(Train(session, "local", {1}, plain).weights,
                            Train(session, "minibatch", {}, plain).weights),
              1e-13);
  });
}

TEST(AlgorithmIdentities, LocalWithOneStepAndAveragedMomentumIsMinibatch) {
  RunSessions(3, [](Session& session) {
    const Outcome local = Train(session, "local", {1, 0, MomentumAtAverage::kAverage});
    const Outcome minibatch = Train(session, "minibatch", {});
    EXPECT_LT(MaxDifference(local.weights, minibatch.weights), 1e-13);
    EXPECT_LT(MaxDifference(local.momentum, minibatch.momentum), 1e-13);
  });
}

TEST(AlgorithmIdentities, KeptMomentaGiveMinibatchWeightsAtOneStepButOtherBuffers) {
  RunSessions(3, [](Session& session) {
    const Outcome local = Train(session, "local", {1});
    const Outcome minibatch = Train(session, "minibatch", {});
    EXPECT_LT(MaxDifference(local.weights, minibatch.weights), 1e-13);
    EXPECT_GT(MaxDifference(local.momentum, minibatch.momentum), 1e-3);
  });
}

TEST(AlgorithmIdentities, MomentumModesPartAtTwoSteps) {
  RunSessions(3, [](Session& session) {
    const Outcome kept = Train(session, "local", {2, 0, MomentumAtAverage::kKeep});
    const Outcome averaged = Train(session, "local", {2, 0, MomentumAtAverage::kAverage});
    const Outcome reset = Train(session, "local", {2, 0, MomentumAtAverage::kReset});
    const Outcome minibatch = Train(session, "minibatch", {});
    EXPECT_GT(MaxDifference(kept.weights, minibatch.weights), 1e-6);
    EXPECT_GT(MaxDifference(kept.weights, averaged.weights), 1e-6);
    EXPECT_GT(MaxDifference(kept.weights, reset.weights), 1e-6);
  });
}

TEST(AlgorithmIdentities, BothMomentumFormsGiveTheSameWeights) {
  RunSessions(3, [](Session& session) {
    for (const std::string_view name : AlgorithmNames()) {
      for (const MomentumAtAverage momentum :
           {MomentumAtAverage::kKeep, MomentumAtAverage::kReset, MomentumAtAverage::kAverage}) {
        const AlgorithmOptions options{.local_steps = 4, .switch_step = 3, .momentum = momentum};
        const Outcome torch_form = Train(session, name, options);
        const Outcome classic = Train(session, name, options, {.classic_form = true});
        EXPECT_LT(MaxDifference(classic.weights, torch_form.weights), 1e-13) << name;
        EXPECT_LT(MaxDifference(classic.momentum, torch_form.momentum * LearningRate(kSteps)),
                  1e-13)
            << name;
      }
    }
  });
}

TEST(AlgorithmIdentities, ZeroLearningRateIsAnErrorForSlowMo) {
  RunSessions(1, [](Session& session) {
    SmallTraining training(session, "slowmo", {1, 0});
    training.algorithm().BeginStep(1);
    EXPECT_EQ(ThrownCode([&] { training.algorithm().FinishStep(1, 0.0); }),
              StatusCode::kInvalidArgument);
  });
}

TEST(AlgorithmIdentities, EvaluationLeavesTheTrajectoryAsItIs) {
  RunSessions(3, [](Session& session) {
    for (const std::string_view name : AlgorithmNames()) {
      const AlgorithmOptions options{
          .local_steps = 4, .switch_step = 2, .momentum = MomentumAtAverage::kAverage};
      const Outcome without = Train(session, name, options, {}, at::kFloat);
      SmallTraining training(session, name, options, {}, at::kFloat);
      for (std::int64_t t = 1; t <= kSteps; ++t) {
        training.Step(t);
        const AveragedModel scope(session, training.model(), training.parameters());
      }
      ExpectSameBits({training.weights(), training.Momentum()}, without);
    }
  });
}

TEST(AlgorithmTable, NamesTheFourAlgorithms) {
  EXPECT_THAT(AlgorithmNames(), testing::ElementsAre("minibatch", "local", "post-local", "slowmo"));
  EXPECT_EQ(FindAlgorithm("post_local"), nullptr);
  EXPECT_EQ(FindAlgorithm(""), nullptr);
  for (const std::string_view name : AlgorithmNames()) EXPECT_EQ(FindAlgorithm(name)->name, name);
}

TEST(AlgorithmTable, RejectsOptionsOutOfRange) {
  RunSessions(1, [](Session& session) {
    const auto code = [&](std::string_view name, const AlgorithmOptions& options) {
      return ThrownCode([&] { SmallTraining(session, name, options); });
    };
    EXPECT_EQ(code("local", {0}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code("post-local", {4, -1}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code("slowmo", {4, 0, MomentumAtAverage::kKeep, 1.0}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code("minibatch", {0, -1}), StatusCode::kOk);  // has neither H nor T
  });
}

TEST(AlgorithmPhases, SwitchAfterStepT) {
  RunSessions(1, [](Session& session) {
    SmallTraining training(session, "post-local", {4, 3});
    EXPECT_EQ(training.algorithm().phase(3), Phase::kMinibatch);
    EXPECT_EQ(training.algorithm().phase(4), Phase::kLocal);
    EXPECT_EQ(training.algorithm().name(), "post-local");
  });
}

}  // namespace
}  // namespace ronde
