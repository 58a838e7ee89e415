#include "frontends/torch/classic_sgd.h"

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/broadcast.h"
#include "frontends/torch/model_averager.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"
#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using torch::nn::Sequential;
using torch::optim::OptimizerParamGroup;
using torch::optim::SGD;
using torch::optim::SGDOptions;

// Warm-up, drops by tens, a cosine's end at 0 and a restart.
const std::vector<double> kLearningRates = {0.01, 0.05, 0.1, 0.1,   0.01, 0.001,
                                            0.0,  0.0,  0.2, 0.002, 0.3,  0.3};

void SetLearningRate(torch::optim::Optimizer& optimizer, std::size_t group, double learning_rate) {
  optimizer.param_groups()[group].options().set_lr(learning_rate);
}

at::Tensor& Buffer(torch::optim::Optimizer& optimizer, const at::Tensor& parameter) {
  auto& state = *optimizer.state().at(parameter.unsafeGetTensorImpl());
  return static_cast<torch::optim::SGDParamState&>(state).momentum_buffer();
}

// The two optimizers on equal models.
struct Pair {
  explicit Pair(const SGDOptions& options)
      : torch_form(torch_model->parameters(), options),
        classic(classic_model->parameters(), options) {}
  Pair(const SGDOptions& first, const SGDOptions& second)
      : torch_form(Groups(torch_model, first, second), first),
        classic(Groups(classic_model, first, second), first) {}

  static std::vector<OptimizerParamGroup> Groups(const Sequential& model, const SGDOptions& first,
                                                 const SGDOptions& second) {
    const std::vector<at::Tensor> all = model->parameters();
    std::vector<OptimizerParamGroup> groups;
    groups.emplace_back(std::vector<at::Tensor>{all[0], all[3]},
                        std::make_unique<SGDOptions>(first));
    groups.emplace_back(std::vector<at::Tensor>{all[1], all[2]},
                        std::make_unique<SGDOptions>(second));
    return groups;
  }
  void SetLearningRate(std::size_t group, double learning_rate) {
    ronde::SetLearningRate(torch_form, group, learning_rate);
    ronde::SetLearningRate(classic, group, learning_rate);
  }
  // `missing`: the parameter that has no gradient in this step.
  void Step(int step, std::ptrdiff_t missing = -1) {
    torch_form.zero_grad();
    TinyLoss(torch_model, 0, step).backward();
    classic.zero_grad();
    TinyLoss(classic_model, 0, step).backward();
    if (missing >= 0) {
      torch_model->parameters()[missing].mutable_grad().reset();
      classic_model->parameters()[missing].mutable_grad().reset();
    }
    torch_form.step();
    classic.step();
  }
  [[nodiscard]] double difference() const {
    return LargestDifference(*torch_model, *classic_model);
  }

  Sequential torch_model = TinyModel();
  Sequential classic_model = TinyModel();
  SGD torch_form;
  ClassicSgd classic;
};

class ClassicForm : public testing::TestWithParam<SGDOptions> {};

TEST_P(ClassicForm, EqualsTheTorchFormAtChangingLearningRates) {
  Pair pair(GetParam());
  int step = 0;
  for (const double learning_rate : kLearningRates) {
    pair.SetLearningRate(0, learning_rate);
    for (int i = 0; i < 5; ++i) pair.Step(step++);
    EXPECT_LE(pair.difference(), 1e-12) << "at learning rate " << learning_rate;
  }
}

TEST_P(ClassicForm, EqualsItWhereParametersMissTheirGradients) {
  Pair pair(GetParam());
  for (int step = 0; step < 60; ++step) {
    pair.SetLearningRate(0, kLearningRates[step * 7 % kLearningRates.size()]);
    pair.Step(step, step % 3 == 0 ? -1 : step % 4);
    EXPECT_LE(pair.difference(), 1e-12);
  }
}

TEST_P(ClassicForm, EqualsItInSeveralGroups) {
  Pair pair(GetParam(), SGDOptions(0.3).momentum(0.5).weight_decay(0.01));
  for (int step = 0; step < 60; ++step) {
    pair.SetLearningRate(0, kLearningRates[step / 5]);
    pair.SetLearningRate(1, kLearningRates[(step / 3 + 4) % kLearningRates.size()]);
    pair.Step(step);
    EXPECT_LE(pair.difference(), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Options, ClassicForm,
    testing::Values(SGDOptions(0.1), SGDOptions(0.1).momentum(0.9),
                    SGDOptions(0.1).momentum(0.9).nesterov(true),
                    SGDOptions(0.1).momentum(0.9).nesterov(true).weight_decay(1e-2),
                    SGDOptions(0.1).momentum(0.8).dampening(0.3).weight_decay(1e-2)));

TEST(ClassicSgd, TheBufferHoldsTheLearningRate) {
  Pair pair(SGDOptions(0.1).momentum(0.9));
  for (int step = 0; step < 3; ++step) {
    pair.SetLearningRate(0, 0.1 * (step + 1));
    pair.Step(step);
    const at::Tensor expected =
        Buffer(pair.torch_form, pair.torch_model->parameters()[0]) * (0.1 * (step + 1));
    const at::Tensor got = Buffer(pair.classic, pair.classic_model->parameters()[0]);
    EXPECT_LT((got - expected).abs().max().item<double>(), 1e-14);
  }
}

TEST(ClassicSgd, AtLearningRateZeroWeightsRestAndTheUnitStays) {
  Pair pair(SGDOptions(0).momentum(0.9));
  EXPECT_THAT(pair.classic.previous_learning_rates(), ElementsAre(0));
  pair.Step(0);
  EXPECT_EQ(LargestDifference(*pair.classic_model, *TinyModel()), 0);
  EXPECT_THAT(pair.classic.previous_learning_rates(), ElementsAre(1));
  pair.SetLearningRate(0, 0.25);
  pair.Step(1);
  pair.SetLearningRate(0, 0);
  pair.Step(2);
  EXPECT_THAT(pair.classic.previous_learning_rates(), ElementsAre(0.25));
  EXPECT_LE(pair.difference(), 1e-14);
}

TEST(ClassicSgd, StateCarriedOverByHandGoesOnExactly) {
  Pair pair(SGDOptions(0.1).momentum(0.9));
  pair.Step(0);
  Pair other(SGDOptions(0.1).momentum(0.9));
  for (std::size_t i = 0; i < 4; ++i) {
    const torch::NoGradGuard no_grad;
    const at::Tensor from = pair.classic_model->parameters()[i];
    const at::Tensor to = other.classic_model->parameters()[i];
    to.copy_(from);
    auto state = std::make_unique<torch::optim::SGDParamState>();
    state->momentum_buffer(Buffer(pair.classic, from).clone());
    other.classic.state()[to.unsafeGetTensorImpl()] = std::move(state);
  }
  other.classic.set_previous_learning_rates(pair.classic.previous_learning_rates());
  for (Pair* each : {&pair, &other}) {
    each->SetLearningRate(0, 0.02);
    each->Step(1);
  }
  EXPECT_EQ(LargestDifference(*pair.classic_model, *other.classic_model), 0);
}

TEST(ClassicSgd, ItsArchiveHoldsThePreviousLearningRates) {
  Pair pair(SGDOptions(0.1).momentum(0.9));
  pair.Step(0);
  pair.SetLearningRate(0, 0.7);
  std::stringstream bytes;
  torch::save(pair.classic, bytes);
  Pair other(SGDOptions(0.3).momentum(0.9));
  torch::load(other.classic, bytes);
  EXPECT_THAT(other.classic.previous_learning_rates(), ElementsAre(0.1));
  EXPECT_EQ(other.classic.param_groups()[0].options().get_lr(), 0.7);
}

TEST(ClassicSgd, TakesAnArchiveOfTheTorchForm) {
  Pair pair(SGDOptions(0.1).momentum(0.9));
  pair.Step(0);
  std::stringstream bytes;
  torch::save(pair.torch_form, bytes);
  torch::load(pair.classic, bytes);
  EXPECT_THAT(pair.classic.previous_learning_rates(), ElementsAre(0.1));
}

TEST(ClassicSgd, RefusesPreviousLearningRatesThatCannotBe) {
  Pair pair(SGDOptions(0.1).momentum(0.9));
  EXPECT_THAT(ThrownMessage([&] {
                pair.classic.set_previous_learning_rates({0.1, 0.2});
              }),
              HasSubstr("expected 1 previous learning rates, one per parameter group, got 2"));
  EXPECT_THAT(ThrownMessage([&] { pair.classic.set_previous_learning_rates({-0.1}); }),
              HasSubstr("finite and at least 0, got -0.1"));
}

TEST(ClassicSgd, IsBroadcastAndItsMomentumAveraged) {
  for (const auto momentum : {MomentumAtAverage::kReset, MomentumAtAverage::kAverage}) {
    RunSessions(3, [momentum](Session& session) {
      const at::Tensor w = Weight();
      ClassicSgd sgd(std::vector<at::Tensor>{w}, SGDOptions(0.5 + session.rank()).momentum(0.5));
      if (session.rank() == 0) {
        Loss(w, 0).backward();
        sgd.step();
      }
      BroadcastOptimizerState(session, sgd);
      EXPECT_THAT(sgd.previous_learning_rates(), ElementsAre(0.5));
      FlatParameters flat({w});
      ModelAveragerOptions options;
      options.momentum = momentum;
      options.optimizer = &sgd;
      ModelAverager averager(session, flat, AverageSchedule{1, 0}, options);
      sgd.zero_grad();
      Loss(w, session.rank()).backward();
      sgd.step();
      averager.Step(1);
      EXPECT_NEAR(First(w), 0.5, 1e-14);
      const double expected = momentum == MomentumAtAverage::kReset ? 0 : 0.5;
      EXPECT_NEAR(First(Buffer(sgd, w)), expected, 1e-14);
    });
  }
}

}  // namespace
}  // namespace ronde
