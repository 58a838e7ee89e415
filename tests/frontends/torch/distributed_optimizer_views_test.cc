#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "frontends/torch/distributed_optimizer.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"
#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

using torch::nn::Sequential;
using torch::optim::SGD;
using torch::optim::SGDOptions;

DistributedOptimizerOptions Views() {
  DistributedOptimizerOptions options;
  options.gradient_as_bucket_view = true;
  return options;
}

std::vector<const void*> GradientPointers(const torch::nn::Module& module) {
  std::vector<const void*> pointers;
  for (const at::Tensor& parameter : module.parameters()) {
    pointers.push_back(parameter.grad().data_ptr());
  }
  return pointers;
}

TEST(DistributedOptimizerViews, AddressesStayWhicheverWayGradientsAreZeroed) {
  RunSessions(3, [](Session& session) {
    Sequential model = TinyModel();
    SGD sgd(model->parameters(), SGDOptions(0.1));
    DistributedOptimizer optimizer(session, sgd, *model, Views());
    std::vector<const void*> first;
    for (int step = 0; step < 6; ++step) {
      if (step % 3 == 0) optimizer.ZeroGrad(/*set_to_none=*/true);
      if (step % 3 == 1) optimizer.ZeroGrad(/*set_to_none=*/false);
      if (step % 3 == 2) sgd.zero_grad();
      TinyLoss(model, session.rank(), step).backward();
      optimizer.Synchronize();
      if (step == 0) first = GradientPointers(*model);
      EXPECT_EQ(GradientPointers(*model), first);
      optimizer.Step();
    }
  });
}

std::uint64_t BytesPackedInManySteps(Session& session, DistributedOptimizerOptions options) {
  Sequential model = TinyModel();
  SGD sgd(model->parameters(), SGDOptions(0.1));
  DistributedOptimizer optimizer(session, sgd, *model, std::move(options));
  const std::uint64_t before = session.counters().bytes_packed;
  for (int step = 0; step < 50; ++step) {
    optimizer.ZeroGrad();
    TinyLoss(model, session.rank(), step).backward();
    optimizer.Step();
  }
  return session.counters().bytes_packed - before;
}

TEST(DistributedOptimizerViews, AreReducedWhereTheyLie) {
  // An algorithm that gathers by itself packs nothing anyway.
  Config config;
  ASSERT_TRUE(
      config.Set(Setting::kAllreduceAlgorithm, "recursive_doubling", SettingOrigin::kProgram).ok());
  const auto body = [](Session& session) {
    const std::uint64_t packed_plain = BytesPackedInManySteps(session, {});
    EXPECT_GT(packed_plain, 0U);
    EXPECT_EQ(BytesPackedInManySteps(session, Views()), 0U);
  };
  RunSessions(2, body, config);
}

TEST(DistributedOptimizerViews, GiveTheSameBitsAsGradientsOfTheirOwn) {
  RunSessions(3, [](Session& session) {
    Sequential viewed = TinyModel();
    Sequential plain = TinyModel();
    SGD viewed_sgd(viewed->parameters(), SGDOptions(0.1).momentum(0.9));
    SGD plain_sgd(plain->parameters(), SGDOptions(0.1).momentum(0.9));
    DistributedOptimizerOptions options = Views();
    options.backward_passes_per_step = 2;
    DistributedOptimizer with_views(session, viewed_sgd, *viewed, options);
    options.gradient_as_bucket_view = false;
    options.name_prefix = "plain/";
    DistributedOptimizer without(session, plain_sgd, *plain, options);
    for (int step = 0; step < 6; ++step) {
      with_views.ZeroGrad(step % 2 == 0);
      without.ZeroGrad();
      for (int pass = 0; pass < 2; ++pass) {
        TinyLoss(viewed, session.rank(), 2 * step + pass).backward();
        TinyLoss(plain, session.rank(), 2 * step + pass).backward();
      }
      with_views.Step();
      without.Step();
      EXPECT_EQ(LargestDifference(*viewed, *plain), 0);
    }
  });
}

TEST(DistributedOptimizerViews, AReplacedGradientKeepsItsValue) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session, Views());
    job.Backward(1);
    job.optimizer.Synchronize();
    const void* view = job.w.grad().data_ptr();
    job.optimizer.ZeroGrad();
    job.w.mutable_grad() = at::full({3}, 4.0 * session.rank(), at::kDouble);
    job.optimizer.Synchronize();
    EXPECT_EQ(job.w.grad().data_ptr(), view);
    EXPECT_EQ(job.gradient(), 2);
  });
}

TEST(DistributedOptimizerViews, AVanishedGradientIsZeros) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session, Views());
    job.Backward(1);
    job.optimizer.Step();
    job.optimizer.ZeroGrad();
    if (session.rank() == 0) job.Backward(4);
    job.optimizer.Synchronize();
    EXPECT_EQ(job.gradient(), 2);
  });
}

TEST(DistributedOptimizerViews, KeepTheStridesOfChannelsLast) {
  RunSessions(2, [](Session& session) {
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(3, 4, 3).bias(false));
    conv->to(at::kDouble);
    {
      const torch::NoGradGuard no_grad;
      conv->weight.set_data(
          at::ones({4, 3, 3, 3}, at::kDouble).contiguous(at::MemoryFormat::ChannelsLast));
    }
    SGD sgd(conv->parameters(), SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, *conv, Views());
    for (int step = 0; step < 2; ++step) {
      optimizer.ZeroGrad();
      conv->forward(RankData(session, {2, 3, 5, 5}, step)).sum().backward();
      optimizer.Synchronize();
      EXPECT_EQ(conv->weight.grad().strides(), conv->weight.strides());
    }
  });
}

}  // namespace
}  // namespace ronde
