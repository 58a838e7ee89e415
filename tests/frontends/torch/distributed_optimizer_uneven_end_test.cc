#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/base/strcat.h"
#include "frontends/torch/distributed_optimizer.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct ManyWeights {
  ManyWeights(Session& session, int count)
      : weights(Make(count)), optimizer(session, sgd, Names()) {}

  static std::vector<at::Tensor> Make(int count) {
    std::vector<at::Tensor> made;
    for (int i = 0; i < count; ++i) made.push_back(Weight());
    return made;
  }
  [[nodiscard]] NamedTensors Names() const {
    NamedTensors named;
    for (const at::Tensor& w : weights) named.emplace_back(StrCat("w", named.size()), w);
    return named;
  }
  void Step() {
    optimizer.ZeroGrad();
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (const at::Tensor& w : weights) loss = loss + Loss(w, 1);
    loss.backward();
    optimizer.Step();
  }

  std::vector<at::Tensor> weights;
  torch::optim::SGD sgd{weights, torch::optim::SGDOptions(1)};
  DistributedOptimizer optimizer;
};

class UnevenEnd : public testing::TestWithParam<std::pair<int, int>> {};

// One rank has less data: it ends its session while the others take another step.
TEST_P(UnevenEnd, IsOneLineThatNamesWhoLeftAndWhatWaited) {
  const auto [size, leaver] = GetParam();
  RunSessions(size, [leaver = leaver](Session& session) {
    ManyWeights job(session, 6);
    for (int step = 1; step <= 2; ++step) job.Step();
    if (session.rank() == leaver) return;
    const std::string message = ThrownMessage([&] { job.Step(); });
    EXPECT_THAT(message, AllOf(HasSubstr("optimizer step 3"),
                               HasSubstr(StrCat("needs rank ", leaver, ", which has shut down")),
                               HasSubstr("6 gradients waited: 'w0', 'w1', 'w2', 'w3' and 2 more"),
                               HasSubstr("same number of steps"), Not(HasSubstr("\n"))));
    // And again, not a hang: the gradients of the failed step are in nobody's way.
    EXPECT_EQ(ThrownCode([&] { job.Step(); }), StatusCode::kShutdown);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, UnevenEnd,
                         testing::Values(std::pair(2, 0), std::pair(2, 1), std::pair(3, 0),
                                         std::pair(3, 1), std::pair(3, 2)));

TEST(DistributedOptimizerUnevenEnd, LocalStepsNeedNobody) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session);
    job.optimizer.set_synchronizing(false);
    for (int step = 0; step < 3 + session.rank(); ++step) {
      job.optimizer.ZeroGrad();
      job.Backward(1);
      job.optimizer.Step();
    }
    EXPECT_EQ(job.weight(), -2 - session.rank());
  });
}

}  // namespace
}  // namespace ronde
