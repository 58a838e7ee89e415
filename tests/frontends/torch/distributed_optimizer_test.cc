#include "frontends/torch/distributed_optimizer.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/flat_parameters.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

using torch::optim::SGD;
using torch::optim::SGDOptions;

at::Tensor Weight() { return at::ones({3}, at::kDouble).requires_grad_(); }

// d loss / d w = factor.
at::Tensor Loss(const at::Tensor& w, double factor) { return (w * factor).sum(); }

double First(const at::Tensor& tensor) { return tensor.detach()[0].item<double>(); }

TEST(DistributedOptimizer, AveragesGradientsOverRanks) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [&](Session& session) {
      const at::Tensor w = Weight();
      SGD sgd({w}, SGDOptions(1));
      DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
      Loss(w, session.rank() + 1.0).backward();
      optimizer.Synchronize();
      EXPECT_NEAR(First(w.grad()), (session.size() + 1) / 2.0, 1e-14);
      optimizer.Step();
      EXPECT_NEAR(First(w), 1 - (session.size() + 1) / 2.0, 1e-14);
    });
  }
}

TEST(DistributedOptimizer, SumsWhereAsked) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}}, {ReduceOp::kSum, "g/"});
    Loss(w, session.rank() + 1.0).backward();
    optimizer.Synchronize();
    EXPECT_EQ(First(w.grad()), 3);
  });
}

TEST(DistributedOptimizer, GradientsMayArriveInAnyOrder) {
  constexpr int kBranches = 7;
  RunSessions(3, [](Session& session) {
    std::vector<at::Tensor> weights;
    NamedTensors named;
    for (int i = 0; i < kBranches; ++i) {
      weights.push_back(Weight());
      named.emplace_back(StrCat("w", i), weights.back());
    }
    SGD sgd(weights, SGDOptions(0.1));
    DistributedOptimizer optimizer(session, sgd, named);
    std::vector<int> order(kBranches);
    std::iota(order.begin(), order.end(), 0);
    std::mt19937 random(static_cast<unsigned>(session.rank()));
    for (int step = 0; step < 20; ++step) {
      optimizer.ZeroGrad();
      std::shuffle(order.begin(), order.end(), random);
      at::Tensor loss = at::zeros({}, at::kDouble);
      for (const int i : order) loss = loss + Loss(weights[i].tanh(), 1.0);
      loss = loss + Loss(weights[order.front()], 0.0);
      loss.backward();
      optimizer.Step();
    }
    for (const at::Tensor& w : weights) EXPECT_NEAR(First(w), First(weights[0]), 1e-12);
  });
}

TEST(DistributedOptimizer, ParametersWithoutGradientContributeZeros) {
  RunSessions(2, [](Session& session) {
    const at::Tensor used = Weight();
    const at::Tensor only_on_rank_1 = Weight();
    const at::Tensor never = Weight();
    SGD sgd({used, only_on_rank_1, never}, SGDOptions(1));
    DistributedOptimizer optimizer(
        session, sgd, NamedTensors{{"used", used}, {"some", only_on_rank_1}, {"never", never}});
    for (int step = 0; step < 3; ++step) {
      optimizer.ZeroGrad();
      at::Tensor loss = Loss(used, 1);
      if (session.rank() == 1) loss = loss + Loss(only_on_rank_1, 4);
      loss.backward();
      optimizer.Step();
    }
    EXPECT_EQ(First(used), -2);
    EXPECT_EQ(First(only_on_rank_1), -5);
    EXPECT_EQ(First(never), 1);
  });
}

TEST(DistributedOptimizer, AParameterUsedTwiceIsSubmittedOnce) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
    (Loss(w, 1) + Loss(w, 2)).backward();
    optimizer.Synchronize();
    EXPECT_EQ(First(w.grad()), 3);
  });
}

TEST(DistributedOptimizer, ASecondBackwardPassIsAnErrorThatNamesTheParameter) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"layer.w", w}});
    Loss(w, 1).backward();
    try {
      Loss(w, 1).backward();
      ADD_FAILURE() << "no error";
    } catch (const std::exception& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("layer.w"));
    }
    optimizer.Synchronize();
  });
}

TEST(DistributedOptimizer, AccumulatesInsideSkipSynchronize) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
    {
      const SkipSynchronize skip(optimizer);
      Loss(w, session.rank()).backward();
      EXPECT_EQ(First(w.grad()), session.rank());
    }
    Loss(w, 1).backward();
    optimizer.Synchronize();
    EXPECT_EQ(First(w.grad()), 1.5);
  });
}

TEST(DistributedOptimizer, StepsLocallyWhileSkipping) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
    const SkipSynchronize skip(optimizer);
    Loss(w, session.rank()).backward();
    optimizer.Step();
    EXPECT_EQ(First(w), 1 - session.rank());
    EXPECT_EQ(session.counters().operations, 0U);
  });
}

TEST(DistributedOptimizer, GradientsMayBeClippedBetweenSynchronizeAndStep) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
    Loss(w, 8).backward();
    optimizer.Synchronize();
    {
      const torch::NoGradGuard no_grad;
      w.mutable_grad().clamp_(-1, 1);
    }
    optimizer.Step();
    EXPECT_EQ(First(w), 0);
  });
}

TEST(DistributedOptimizer, RefusesToForgetGradientsInFlight) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
    Loss(w, 1).backward();
    EXPECT_EQ(ThrownCode([&] { optimizer.ZeroGrad(); }), StatusCode::kInvalidArgument);
    EXPECT_EQ(ThrownCode([&] { optimizer.set_synchronizing(false); }),
              StatusCode::kInvalidArgument);
    optimizer.Step();
    optimizer.ZeroGrad();
  });
}

TEST(DistributedOptimizer, MismatchIsAnErrorOnAllRanksAndTheJobGoesOn) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = at::ones({2 + session.rank()}, at::kDouble).requires_grad_();
    const at::Tensor good = Weight();
    SGD sgd({w, good}, SGDOptions(1));
    {
      DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}, {"good", good}});
      (Loss(w, 1) + Loss(good, 1)).backward();
      EXPECT_EQ(ThrownCode([&] { optimizer.Step(); }), StatusCode::kMismatch);
    }
    sgd.zero_grad();
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"good", good}});
    Loss(good, session.rank()).backward();
    optimizer.Step();
    EXPECT_EQ(First(good), 0.5);
  });
}

TEST(DistributedOptimizer, RemovesItsHooks) {
  RunSessions(2, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    { DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}}); }
    Loss(w, 1).backward();
    EXPECT_EQ(session.counters().operations, 0U);
  });
}

TEST(DistributedOptimizer, DestroyedInMidBackwardLeavesMemoryValid) {
  RunSessions(2, [](Session& session) {
    for (int i = 0; i < 20; ++i) {
      const at::Tensor w = at::ones({20000}, at::kDouble).requires_grad_();
      SGD sgd({w}, SGDOptions(1));
      DistributedOptimizer optimizer(session, sgd, NamedTensors{{StrCat("w", i), w}});
      Loss(w, 1).backward();
    }
  });
}

TEST(DistributedOptimizer, HooksSurviveFlattening) {
  RunSessions(2, [](Session& session) {
    at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"w", w}});
    const FlatParameters flat({w});
    Loss(w, session.rank()).backward();
    optimizer.Step();
    EXPECT_EQ(First(w), 0.5);
    EXPECT_EQ(First(flat.flat()), 0.5);
  });
}

TEST(DistributedOptimizer, KeepsChannelsLastGradients) {
  RunSessions(2, [](Session& session) {
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(3, 4, 3));
    conv->to(at::kDouble);
    {
      const torch::NoGradGuard no_grad;
      conv->weight.set_data(
          at::ones({4, 3, 3, 3}, at::kDouble).contiguous(at::MemoryFormat::ChannelsLast));
      conv->bias.zero_();
    }
    SGD sgd(conv->parameters(), SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, *conv);
    const at::Tensor input = RankData(session, {2, 3, 5, 5}, 0);
    conv->forward(input).pow(2).sum().backward();
    optimizer.Synchronize();
    const at::Tensor averaged = conv->weight.grad().clone();
    EXPECT_EQ(averaged.strides(), conv->weight.strides());
    at::Tensor expected = at::zeros_like(averaged);
    const SkipSynchronize skip(optimizer);
    for (int rank = 0; rank < session.size(); ++rank) {
      at::Tensor data = input.clone();
      ThrowIfError(session.BroadcastAsync("input", ToTensorView(data, "input"), rank).Wait());
      sgd.zero_grad();
      conv->forward(data).pow(2).sum().backward();
      expected += conv->weight.grad() / session.size();
    }
    EXPECT_LT((averaged - expected).abs().max().item<double>(), 1e-9);
  });
}

}  // namespace
}  // namespace ronde
