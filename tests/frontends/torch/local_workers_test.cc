#include "frontends/torch/local_workers.h"

#include <gmock/gmock.h>

#include "frontends/torch/local_average.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

// A convolution and batch norm, two steps apart from its start for each pass asked for.
struct Net {
  Net()
      : convolution(torch::nn::Conv2dOptions(2, 3, 3).bias(false)),
        norm(3),
        model(convolution, norm),
        flat(*model),
        sgd(model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9)) {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.fill_(0.5);
  }
  void Step(double salt) {
    sgd.zero_grad();
    const at::Tensor images = at::sin(at::arange(2 * 2 * 25) * (1.0 + salt)).reshape({2, 2, 5, 5});
    model->forward(images).pow(2).mean().backward();
    sgd.step();
  }
  [[nodiscard]] std::vector<at::Tensor> State() {
    std::vector<at::Tensor> state;
    for (const auto& tensor : model->parameters()) state.push_back(tensor.detach().clone());
    for (const auto& tensor : model->buffers()) state.push_back(tensor.detach().clone());
    for (const auto& parameter : model->parameters()) {
      const auto found = sgd.state().find(parameter.unsafeGetTensorImpl());
      if (found == sgd.state().end()) continue;
      state.push_back(
          static_cast<torch::optim::SGDParamState&>(*found->second).momentum_buffer().clone());
    }
    return state;
  }

  torch::nn::Conv2d convolution;
  torch::nn::BatchNorm2d norm;
  torch::nn::Sequential model;
  FlatParameters flat;
  torch::optim::SGD sgd;
};

void ExpectEqual(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i], b[i])) << i;
}

TEST(LocalWorkers, EachTrainsAsIfItWereAlone) {
  Net shared;
  LocalWorkers workers(*shared.model, shared.flat, 3, &shared.sgd);
  for (int step = 0; step < 4; ++step) {
    for (int worker = 0; worker < 3; ++worker) {
      workers.Activate(worker);
      shared.Step(worker + 0.1 * step);
    }
  }
  for (int worker = 0; worker < 3; ++worker) {
    Net alone;
    for (int step = 0; step < 4; ++step) alone.Step(worker + 0.1 * step);
    workers.Activate(worker);
    ExpectEqual(shared.State(), alone.State());
  }
}

TEST(LocalWorkers, KeepTheIdentityAndStridesOfTensors) {
  Net net;
  net.convolution->weight.set_data(
      net.convolution->weight.detach().contiguous(at::MemoryFormat::ChannelsLast));
  LocalWorkers workers(*net.model, net.flat, 2, &net.sgd);
  const void* identity = net.convolution->weight.unsafeGetTensorImpl();
  const auto strides = net.convolution->weight.strides().vec();
  workers.Activate(1);
  EXPECT_EQ(net.convolution->weight.unsafeGetTensorImpl(), identity);
  EXPECT_EQ(net.convolution->weight.strides().vec(), strides);
  EXPECT_TRUE(net.convolution->weight.requires_grad());
}

TEST(LocalWorkers, ShareWeightsButNotStatisticsUntilTheyPart) {
  Net net;
  LocalWorkers workers(*net.model, net.flat, 2, &net.sgd);
  workers.ShareWeights();
  net.Step(1);
  const at::Tensor statistics_of_0 = workers.statistics(0).clone();
  workers.Activate(1);
  EXPECT_TRUE(workers.weights(1).is_same(workers.weights(0)));
  EXPECT_FALSE(torch::equal(workers.statistics(1), statistics_of_0));
  workers.UnshareWeights();
  EXPECT_FALSE(workers.weights(1).is_same(workers.weights(0)));
  EXPECT_TRUE(torch::equal(workers.weights(1), workers.weights(0)));
  EXPECT_TRUE(torch::equal(workers.momentum(1), workers.momentum(0)));
  const at::Tensor weights_of_0 = workers.weights(0).clone();
  net.Step(2);
  EXPECT_TRUE(torch::equal(workers.weights(0), weights_of_0));
  EXPECT_FALSE(torch::equal(workers.weights(1), weights_of_0));
}

TEST(LocalWorkers, ScratchScopeChangesNoWorker) {
  Net net;
  LocalWorkers workers(*net.model, net.flat, 2, &net.sgd);
  workers.Activate(1);
  net.Step(1);
  const auto before = net.State();
  {
    const LocalWorkers::ScratchScope scratch(workers, 1);
    EXPECT_TRUE(torch::equal(scratch.weights(), workers.weights(1)));
    scratch.weights().fill_(7);
    scratch.statistics().fill_(8);
    EXPECT_EQ(net.convolution->weight[0][0][0][0].item<float>(), 7);
    net.model->forward(at::ones({1, 2, 5, 5}));
  }
  EXPECT_EQ(workers.active(), 1);
  ExpectEqual(net.State(), before);
}

TEST(LocalWorkers, TakeWhatReplacedTheModulesTensors) {
  Net net;
  LocalWorkers workers(*net.model, net.flat, 2, &net.sgd);
  net.norm->weight.set_data(at::full({3}, 4.0));
  workers.Activate(1);
  EXPECT_EQ(net.norm->weight[0].item<float>(), 0.5);
  workers.Activate(0);
  EXPECT_EQ(net.norm->weight[0].item<float>(), 4);
}

TEST(LocalWorkers, RejectACountBelowOneAndAWorkerOutOfRange) {
  Net net;
  EXPECT_EQ(ThrownCode([&] { LocalWorkers(*net.model, net.flat, 0); }),
            StatusCode::kInvalidArgument);
  LocalWorkers workers(*net.model, net.flat, 2);
  EXPECT_EQ(ThrownCode([&] { workers.Activate(2); }), StatusCode::kInvalidArgument);
  EXPECT_FALSE(workers.momentum(0).defined());
}

TEST(LocalAverage, MakesTheFirstWorkerTheMeanAndAllTheFirst) {
  for (const MomentumAtAverage rule : {MomentumAtAverage::kKeep, MomentumAtAverage::kAverage}) {
    Net net;
    LocalWorkers workers(*net.model, net.flat, 4, &net.sgd);
    for (int worker = 0; worker < 4; ++worker) {
      workers.weights(worker).fill_(worker);
      workers.momentum(worker).fill_(10 * worker);
    }
    LocalAverage average(workers, rule);
    average.Gather();
    EXPECT_EQ(workers.weights(0)[0].item<float>(), 1.5);
    EXPECT_EQ(workers.weights(3)[0].item<float>(), 3);
    average.Spread();
    EXPECT_EQ(workers.weights(3)[0].item<float>(), 1.5);
    const bool averages = rule == MomentumAtAverage::kAverage;
    EXPECT_EQ(workers.momentum(3)[0].item<float>(), averages ? 15 : 30);
  }
}

}  // namespace
}  // namespace ronde
