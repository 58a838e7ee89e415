// The full product of H, T and momentum modes over a few steps on every rank, against a float64
// reference in plain loops. Long runs with all other options: golden_trajectories_test.cc.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/frontends/torch/algorithms/reference_training.h"
#include "tests/frontends/torch/algorithms/small_training.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

constexpr std::int64_t kSteps = 9;
constexpr double kTolerance = 1e-12;

double MaxDifference(const at::Tensor& actual, const std::vector<double>& expected) {
  double difference = 0;
  for (int i = 0; i < static_cast<int>(expected.size()); ++i) {
    difference = std::max(difference, std::abs(actual[i].item<double>() - expected[i]));
  }
  return difference;
}

void ExpectFollowsReference(Session& session, std::string_view algorithm,
                            const AlgorithmOptions& options, TrainingSettings settings = {}) {
  SmallTraining training(session, algorithm, options, settings);
  ReferenceTraining reference(std::string(algorithm), session.size(), options, settings);
  const std::string label =
      StrCat(algorithm, ", K ", session.size(), ", rank ", session.rank(), ", H ",
             options.local_steps, ", T ", options.switch_step, ", momentum mode ",
             static_cast<int>(options.momentum), ", momentum ", settings.momentum);
  for (std::int64_t t = 1; t <= kSteps; ++t) {
    training.Step(t);
    reference.Step(t);
    ASSERT_LT(MaxDifference(training.weights(), reference.weights(session.rank())), kTolerance)
        << label << ", step " << t;
    if (settings.momentum == 0) continue;  // libtorch then keeps no buffers
    ASSERT_LT(MaxDifference(training.Momentum(), reference.momentum(session.rank())), kTolerance)
        << label << ", step " << t;
  }
}

std::vector<MomentumAtAverage> AllMomenta() {
  return {MomentumAtAverage::kKeep, MomentumAtAverage::kReset, MomentumAtAverage::kAverage};
}

class AgainstReference : public testing::TestWithParam<int> {};

TEST_P(AgainstReference, Minibatch) {
  RunSessions(GetParam(), [](Session& session) {
    ExpectFollowsReference(session, "minibatch", {});
    ExpectFollowsReference(session, "minibatch", {}, {.momentum = 0.9, .nesterov = false});
    ExpectFollowsReference(session, "minibatch", {}, {.momentum = 0, .weight_decay = 0});
  });
}

TEST_P(AgainstReference, Local) {
  RunSessions(GetParam(), [](Session& session) {
    for (const std::int64_t local_steps : {1, 2, 4}) {
      for (const MomentumAtAverage momentum : AllMomenta()) {
        ExpectFollowsReference(session, "local", {local_steps, 0, momentum});
      }
    }
  });
}

TEST_P(AgainstReference, PostLocal) {
  RunSessions(GetParam(), [](Session& session) {
    for (const std::int64_t local_steps : {1, 2, 4}) {
      for (const std::int64_t switch_step : {0, 1, 3, 6, 9}) {
        for (const MomentumAtAverage momentum : AllMomenta()) {
          ExpectFollowsReference(session, "post-local", {local_steps, switch_step, momentum});
        }
      }
    }
  });
}

TEST_P(AgainstReference, SlowMo) {
  RunSessions(GetParam(), [](Session& session) {
    for (const std::int64_t local_steps : {1, 2, 4}) {
      for (const std::int64_t switch_step : {0, 1, 3, 6, 9}) {
        for (const MomentumAtAverage momentum : AllMomenta()) {
          ExpectFollowsReference(session, "slowmo", {local_steps, switch_step, momentum});
        }
        ExpectFollowsReference(session, "slowmo",
                               {local_steps, switch_step, MomentumAtAverage::kKeep, 0.7, 0.9});
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Workers, AgainstReference, testing::Values(1, 2, 3));

}  // namespace
}  // namespace ronde
