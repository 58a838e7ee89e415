#include "frontends/torch/distributed_optimizer.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "frontends/torch/flat_parameters.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"
#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

using torch::optim::SGD;
using torch::optim::SGDOptions;

TEST(DistributedOptimizer, AveragesGradientsOverRanks) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [&](Session& session) {
      OneWeight job(session);
      job.Backward(session.rank() + 1.0);
      job.optimizer.Synchronize();
      EXPECT_NEAR(job.gradient(), (session.size() + 1) / 2.0, 1e-14);
      job.optimizer.Step();
      EXPECT_NEAR(job.weight(), 1 - (session.size() + 1) / 2.0, 1e-14);
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

TEST(DistributedOptimizer, RefusesToForgetGradientsInFlight) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session);
    job.Backward(1);
    EXPECT_EQ(ThrownCode([&] { job.optimizer.ZeroGrad(); }), StatusCode::kInvalidArgument);
    EXPECT_EQ(ThrownCode([&] { job.optimizer.set_synchronizing(false); }),
              StatusCode::kInvalidArgument);
    job.optimizer.Step();
    job.optimizer.ZeroGrad();
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
      const at::Tensor w = at::ones({40000}, at::kDouble).requires_grad_();
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

class BucketSizes : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Bytes, BucketSizes, testing::Values(0U, 1U, 150U, 300U, 1U << 20));

TEST_P(BucketSizes, ChangeNothingInTheResult) {
  RunSessions(3, [](Session& session) {
    auto model = TinyModel();
    auto reference = TinyModel();
    SGD sgd(model->parameters(), SGDOptions(0.1));
    SGD serial(reference->parameters(), SGDOptions(0.1));
    DistributedOptimizerOptions options;
    options.bucket_size_bytes = GetParam();
    DistributedOptimizer optimizer(session, sgd, *model, options);
    for (int step = 0; step < 5; ++step) {
      optimizer.ZeroGrad();
      TinyLoss(model, session.rank(), step).backward();
      optimizer.Step();
      serial.zero_grad();
      MeanTinyLoss(reference, session.size(), step).backward();
      serial.step();
    }
    EXPECT_LT(LargestDifference(*model, *reference), 1e-14);
  });
}

TEST(DistributedOptimizer, BucketSizesThatDifferAreAnErrorOnAllRanks) {
  RunSessions(2, [](Session& session) {
    auto model = TinyModel();
    SGD sgd(model->parameters(), SGDOptions(0.1));
    DistributedOptimizerOptions options;
    options.bucket_size_bytes = session.rank() == 0 ? 1U : 1U << 20;
    DistributedOptimizer optimizer(session, sgd, *model, options);
    TinyLoss(model, session.rank(), 0).backward();
    EXPECT_EQ(ThrownCode([&] { optimizer.Step(); }), StatusCode::kMismatch);
  });
}

TEST(DistributedOptimizer, HooksSubmitAFullBucketBeforeTheEndOfTheStep) {
  RunSessions(2, [](Session& session) {
    DistributedOptimizerOptions options;
    options.bucket_size_bytes = 3 * sizeof(double);
    OneWeight job(session, options);
    job.Backward(session.rank());
    // Needs no Synchronize on any rank: the barrier comes after all that was submitted.
    EXPECT_TRUE(session.BarrierAsync().Wait().ok());
    EXPECT_EQ(session.counters().operations, 2U);
    job.optimizer.Synchronize();
    EXPECT_EQ(job.gradient(), 0.5);
  });
}

}  // namespace
}  // namespace ronde
