#include "frontends/torch/model_averager.h"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>

#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

using torch::optim::SGD;
using torch::optim::SGDOptions;
using torch::optim::SGDParamState;

std::vector<std::int64_t> StepsAveraged(AverageSchedule schedule, std::int64_t steps) {
  std::vector<std::int64_t> averaged;
  RunSessions(2, [&](Session& session) {
    FlatParameters flat({at::zeros({3})});
    ModelAverager averager(session, flat, schedule);
    for (std::int64_t step = 1; step <= steps; ++step) {
      const bool done = averager.Step(step);
      if (done && session.rank() == 0) averaged.push_back(step);
    }
    EXPECT_EQ(session.counters().operations,
              static_cast<std::uint64_t>(std::max<std::int64_t>(0, steps - schedule.origin) /
                                         schedule.period));
  });
  return averaged;
}

TEST(ModelAverager, AveragesAtTheEndOfEachWindowAndNeverAfterItsFirstStep) {
  EXPECT_THAT(StepsAveraged({4, 0}, 10), testing::ElementsAre(4, 8));
}

TEST(ModelAverager, CountsWindowsFromTheOrigin) {
  EXPECT_THAT(StepsAveraged({4, 3}, 12), testing::ElementsAre(7, 11));
}

TEST(ModelAverager, AWindowLongerThanAnEpochEndsInALaterEpoch) {
  // Epochs of 3 steps, H = 7: only the step counts.
  EXPECT_THAT(StepsAveraged({7, 0}, 15), testing::ElementsAre(7, 14));
}

TEST(ModelAverager, AveragesModuleParametersInPlace) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [](Session& session) {
      torch::nn::Linear linear(3, 2);
      linear->to(at::kDouble);
      {
        const torch::NoGradGuard no_grad;
        linear->weight.fill_(session.rank());
        linear->bias.fill_(2.0 * session.rank());
      }
      ModelAverager averager(session, *linear, {1, 0});
      EXPECT_TRUE(averager.Step(1));
      const double mean = (session.size() - 1) / 2.0;
      EXPECT_TRUE(at::allclose(linear->weight.detach(), at::full({2, 3}, mean, at::kDouble)));
      EXPECT_TRUE(at::allclose(linear->bias.detach(), at::full({2}, 2 * mean, at::kDouble)));
    });
  }
}

TEST(ModelAverager, AveragesAParameterThatWasMovedBefore) {
  RunSessions(2, [](Session& session) {
    torch::nn::Linear linear(3, 2);
    ModelAverager averager(session, *linear, {1, 0});
    linear->weight.set_data(at::full({2, 3}, static_cast<float>(session.rank())));
    averager.Step(1);
    EXPECT_TRUE(torch::equal(linear->weight.detach(), at::full({2, 3}, 0.5F)));
  });
}

at::Tensor MomentumOf(SGD& sgd, const at::Tensor& parameter) {
  return static_cast<SGDParamState&>(*sgd.state().at(parameter.unsafeGetTensorImpl()))
      .momentum_buffer();
}

// One SGD step on a gradient of rank + 1, then an average; returns the momentum afterwards.
void ExpectMomentumAfterAverage(MomentumAtAverage momentum, double factor_rank0,
                                double factor_rank1) {
  RunSessions(2, [&](Session& session) {
    at::Tensor w = at::zeros({3}, at::kDouble).requires_grad_();
    at::Tensor unused = at::zeros({2}, at::kDouble).requires_grad_();
    SGD sgd({w, unused}, SGDOptions(0.1).momentum(0.9).nesterov(true));
    FlatParameters flat({w, unused});
    ModelAverager averager(session, flat, {1, 0}, {momentum, &sgd});
    for (std::int64_t step = 1; step <= 3; ++step) {
      if (step > 1) MomentumOf(sgd, w).zero_();
      sgd.zero_grad();
      (w * (session.rank() + 1.0)).sum().backward();
      sgd.step();
      averager.Step(step);
      const double expected = session.rank() == 0 ? factor_rank0 : factor_rank1;
      EXPECT_EQ(MomentumOf(sgd, w)[0].item<double>(), expected) << "step " << step;
    }
  });
}

TEST(ModelAverager, KeepsMomentumLocal) {
  ExpectMomentumAfterAverage(MomentumAtAverage::kKeep, 1, 2);
}

TEST(ModelAverager, ResetsMomentum) { ExpectMomentumAfterAverage(MomentumAtAverage::kReset, 0, 0); }

TEST(ModelAverager, AveragesMomentum) {
  ExpectMomentumAfterAverage(MomentumAtAverage::kAverage, 1.5, 1.5);
}

TEST(ModelAverager, DisagreementOnTheScheduleIsTheSameErrorOnAllRanks) {
  RunSessions(2, [](Session& session) {
    FlatParameters flat({at::zeros({3})});
    ModelAverager averager(session, flat, {session.rank() + 1, 0});
    EXPECT_EQ(ThrownCode([&] { averager.Step(2); }), StatusCode::kMismatch);
  });
}

TEST(ModelAverager, RejectsBadOptions) {
  RunSessions(1, [](Session& session) {
    FlatParameters flat({at::zeros({3})});
    torch::optim::Adam adam({at::zeros({3}).requires_grad_()}, torch::optim::AdamOptions(0.1));
    EXPECT_EQ(ThrownCode([&] {
                ModelAverager(session, flat, {0, 0});
              }),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(ThrownCode([&] {
                ModelAverager(session, flat, {1, 0}, {MomentumAtAverage::kReset, &adam});
              }),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(ThrownCode([&] {
                ModelAverager(session, flat, {1, 0}, {MomentumAtAverage::kAverage});
              }),
              StatusCode::kInvalidArgument);
  });
}

}  // namespace
}  // namespace ronde
