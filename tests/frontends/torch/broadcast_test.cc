#include "frontends/torch/broadcast.h"

#include <gmock/gmock.h>

#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

torch::nn::Sequential MakeModel() {
  torch::nn::Sequential model(torch::nn::Linear(3, 4), torch::nn::BatchNorm1d(4));
  model->to(at::kDouble);
  return model;
}

void TrainOnOwnData(Session& session, torch::nn::Sequential& model,
                    torch::optim::Optimizer& optimizer, int steps) {
  for (int step = 0; step < steps; ++step) {
    optimizer.zero_grad();
    model->forward(RankData(session, {5, 3}, step)).pow(2).sum().backward();
    optimizer.step();
  }
}

at::Tensor MaxDifference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max(); }

TEST(BroadcastParameters, GivesRootsParametersAndBuffersToAll) {
  RunSessions(3, [](Session& session) {
    torch::nn::Sequential model = MakeModel();
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.fill_(session.rank());
    for (auto& buffer : model->buffers()) buffer.fill_(10 + session.rank());
    BroadcastParameters(session, *model, 1);
    for (const auto& parameter : model->parameters()) {
      EXPECT_TRUE(torch::equal(parameter, at::ones_like(parameter)));
    }
    for (const auto& buffer : model->buffers()) {
      EXPECT_TRUE(torch::equal(buffer, at::full_like(buffer, 11)));
    }
  });
}

TEST(BroadcastParameters, ServesGapsAndTypesWithoutArithmetic) {
  RunSessions(2, [](Session& session) {
    const at::Tensor with_gaps = at::full({4, 4}, session.rank() + 1.0).slice(1, 0, 2);
    const at::Tensor flags = at::full({3}, session.rank() == 0, at::kBool);
    BroadcastParameters(session, NamedTensors{{"gaps", with_gaps}, {"flags", flags}}, 0);
    EXPECT_TRUE(torch::equal(with_gaps, at::ones({4, 2})));
    EXPECT_TRUE(flags.all().item<bool>());
  });
}

TEST(BroadcastParameters, MismatchIsTheSameErrorOnAllRanks) {
  RunSessions(2, [](Session& session) {
    const at::Tensor tensor = at::zeros({2 + session.rank()});
    EXPECT_EQ(ThrownCode([&] {
                BroadcastParameters(session, {{"w", tensor}}, 0);
              }),
              StatusCode::kMismatch);
    const at::Tensor good = at::full({2}, session.rank());
    BroadcastParameters(session, {{"v", good}}, 0);
    EXPECT_EQ(good.sum().item<double>(), 0);
  });
}

template <typename Optimizer, typename Options>
void ExpectEqualTrajectoriesAfterBroadcast(const Options& options, int steps_elsewhere) {
  RunSessions(2, [&](Session& session) {
    torch::nn::Sequential model = MakeModel();
    Options mine = options;
    if (session.rank() != 0) mine.lr(0.5);
    Optimizer optimizer(model->parameters(), mine);
    TrainOnOwnData(session, model, optimizer, session.rank() == 0 ? 3 : steps_elsewhere);
    BroadcastParameters(session, *model);
    BroadcastOptimizerState(session, optimizer);
    EXPECT_EQ(optimizer.param_groups().front().options().get_lr(), 0.01);
    for (int step = 0; step < 2; ++step) {
      optimizer.zero_grad();
      model->forward(at::eye(3, at::kDouble)).pow(2).sum().backward();
      optimizer.step();
    }
    for (const auto& parameter : model->parameters()) {
      const at::Tensor roots = parameter.detach().clone();
      BroadcastParameters(session, {{"check", roots}}, 0);
      EXPECT_EQ(MaxDifference(parameter, roots).template item<double>(), 0);
    }
  });
}

TEST(BroadcastOptimizerState, CarriesSgdMomentumToRanksWithoutState) {
  ExpectEqualTrajectoriesAfterBroadcast<torch::optim::SGD>(
      torch::optim::SGDOptions(0.01).momentum(0.9), 0);
}

TEST(BroadcastOptimizerState, ReplacesStateOfOtherRanks) {
  ExpectEqualTrajectoriesAfterBroadcast<torch::optim::SGD>(
      torch::optim::SGDOptions(0.01).momentum(0.9), 2);
}

TEST(BroadcastOptimizerState, CarriesAdam) {
  ExpectEqualTrajectoriesAfterBroadcast<torch::optim::Adam>(torch::optim::AdamOptions(0.01), 0);
}

TEST(BroadcastOptimizerState, DifferentGroupsAreTheSameErrorOnAllRanks) {
  RunSessions(2, [](Session& session) {
    std::vector<at::Tensor> parameters;
    for (int i = 0; i < 1 + session.rank(); ++i) {
      parameters.push_back(at::zeros({2}).requires_grad_());
    }
    torch::optim::SGD sgd(parameters, torch::optim::SGDOptions(0.1));
    try {
      BroadcastOptimizerState(session, sgd);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(error.what(), testing::HasSubstr("rank 1"));
    }
  });
}

}  // namespace
}  // namespace ronde
