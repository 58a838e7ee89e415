#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/classic_sgd.h"
#include "frontends/torch/distributed_optimizer.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"
#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using torch::nn::Sequential;
using torch::optim::Optimizer;

struct OptimizerCase {
  std::string name;
  std::function<std::unique_ptr<Optimizer>(std::vector<at::Tensor>)> make;
};

void PrintTo(const OptimizerCase& test_case, std::ostream* out) { *out << test_case.name; }

template <typename Type, typename Options>
OptimizerCase Case(const std::string& name, const Options& options) {
  return {name, [options](std::vector<at::Tensor> parameters) {
            return std::make_unique<Type>(std::move(parameters), options);
          }};
}

class AnyOptimizer : public testing::TestWithParam<OptimizerCase> {};

// Clipping needs the whole gradient, so it happens between Synchronize and Step.
TEST_P(AnyOptimizer, WithClippingEqualsASerialRunOnAllRanksData) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [this](Session& session) {
      Sequential model = TinyModel();
      Sequential reference = TinyModel();
      const std::unique_ptr<Optimizer> inner = GetParam().make(model->parameters());
      const std::unique_ptr<Optimizer> serial = GetParam().make(reference->parameters());
      DistributedOptimizer optimizer(session, *inner, *model);
      for (int step = 0; step < 5; ++step) {
        optimizer.ZeroGrad();
        TinyLoss(model, session.rank(), step).backward();
        optimizer.Synchronize();
        const double norm = torch::nn::utils::clip_grad_norm_(model->parameters(), 0.1);
        optimizer.Step();
        serial->zero_grad();
        MeanTinyLoss(reference, session.size(), step).backward();
        const double expected = torch::nn::utils::clip_grad_norm_(reference->parameters(), 0.1);
        serial->step();
        EXPECT_GT(expected, 0.1) << "nothing was clipped";
        EXPECT_NEAR(norm, expected, 1e-12 * expected);
      }
      EXPECT_LT(LargestDifference(*model, *reference), 1e-10);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    Torch, AnyOptimizer,
    testing::Values(
        Case<torch::optim::SGD>("SGD", torch::optim::SGDOptions(0.1).momentum(0.9).nesterov(true)),
        Case<ClassicSgd>("ClassicSgd", torch::optim::SGDOptions(0.1).momentum(0.9)),
        Case<torch::optim::Adam>("Adam", torch::optim::AdamOptions(0.01)),
        Case<torch::optim::AdamW>("AdamW", torch::optim::AdamWOptions(0.01)),
        Case<torch::optim::RMSprop>("RMSprop", torch::optim::RMSpropOptions(0.01)),
        Case<torch::optim::Adagrad>("Adagrad", torch::optim::AdagradOptions(0.01))),
    [](const auto& info) { return info.param.name; });

TEST(DistributedOptimizerOptimizers, ParameterGroupsKeepTheirOwnOptions) {
  using torch::optim::SGDOptions;
  const auto groups = [](const Sequential& model) {
    const std::vector<at::Tensor> all = model->parameters();
    std::vector<torch::optim::OptimizerParamGroup> made;
    made.emplace_back(std::vector<at::Tensor>{all[0], all[2]},
                      std::make_unique<SGDOptions>(SGDOptions(0.2).momentum(0.9)));
    made.emplace_back(std::vector<at::Tensor>{all[1], all[3]},
                      std::make_unique<SGDOptions>(SGDOptions(0.5).weight_decay(0.1)));
    return made;
  };
  RunSessions(3, [&groups](Session& session) {
    Sequential model = TinyModel();
    Sequential reference = TinyModel();
    torch::optim::SGD sgd(groups(model), SGDOptions(1));
    torch::optim::SGD serial(groups(reference), SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, *model);
    for (int step = 0; step < 5; ++step) {
      optimizer.ZeroGrad();
      TinyLoss(model, session.rank(), step).backward();
      optimizer.Step();
      serial.zero_grad();
      MeanTinyLoss(reference, session.size(), step).backward();
      serial.step();
    }
    EXPECT_LT(LargestDifference(*model, *reference), 1e-13);
  });
}

TEST(DistributedOptimizerOptimizers, LbfgsStepsWithAClosureAndEqualsASerialRun) {
  const auto options = torch::optim::LBFGSOptions(0.5).max_iter(6).line_search_fn("strong_wolfe");
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [&options](Session& session) {
      Sequential model = TinyModel();
      Sequential reference = TinyModel();
      torch::optim::LBFGS lbfgs(model->parameters(), options);
      torch::optim::LBFGS serial(reference->parameters(), options);
      DistributedOptimizer optimizer(session, lbfgs, *model);
      for (int step = 0; step < 3; ++step) {
        const at::Tensor loss = optimizer.Step([&] {
          optimizer.ZeroGrad();
          at::Tensor mine = TinyLoss(model, session.rank(), 0);
          mine.backward();
          return mine;
        });
        const at::Tensor expected = serial.step([&] {
          serial.zero_grad();
          at::Tensor mean = MeanTinyLoss(reference, session.size(), 0);
          mean.backward();
          return mean;
        });
        EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-9);
      }
      EXPECT_LT(LargestDifference(*model, *reference), 1e-6);
    });
  }
}

TEST(DistributedOptimizerOptimizers, LbfgsWithoutAClosureIsAnErrorThatNamesTheRemedy) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    torch::optim::LBFGS lbfgs(std::vector<at::Tensor>{w}, torch::optim::LBFGSOptions(1));
    DistributedOptimizer optimizer(session, lbfgs, NamedTensors{{"w", w}});
    Loss(w, 1).backward();
    EXPECT_THAT(ThrownMessage([&] { optimizer.Step(); }), HasSubstr("call Step(closure)"));
    optimizer.Synchronize();
  });
}

TEST(DistributedOptimizerOptimizers, AClosureStaysLocalWhileSkipping) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session);
    const SkipSynchronize skip(job.optimizer);
    const at::Tensor loss = job.optimizer.Step([&] {
      job.optimizer.ZeroGrad();
      at::Tensor mine = Loss(job.w, session.rank());
      mine.backward();
      return mine;
    });
    EXPECT_EQ(loss.item<double>(), 3 * session.rank());
    EXPECT_EQ(job.weight(), 1 - session.rank());
    EXPECT_EQ(session.counters().operations, 0U);
  });
}

}  // namespace
}  // namespace ronde
