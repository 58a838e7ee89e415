#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/distributed_optimizer.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using torch::optim::SGD;
using torch::optim::SGDOptions;

TEST(DistributedOptimizerParameters, ParametersWithoutGradientContributeZeros) {
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

TEST(DistributedOptimizerParameters, AParameterUsedTwiceIsSubmittedOnce) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session);
    (Loss(job.w, 1) + Loss(job.w, 2)).backward();
    job.optimizer.Synchronize();
    EXPECT_EQ(job.gradient(), 3);
  });
}

TEST(DistributedOptimizerParameters, KeepsChannelsLastGradients) {
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

TEST(DistributedOptimizerParameters, GradientsMayBeZeroedEitherWay) {
  for (const bool set_to_none : {true, false}) {
    RunSessions(3, [set_to_none](Session& session) {
      OneWeight job(session);
      for (int step = 1; step <= 3; ++step) {
        job.optimizer.ZeroGrad(set_to_none);
        EXPECT_EQ(job.w.grad().defined(), !set_to_none && step > 1);
        job.Backward(session.rank());
        job.optimizer.Step();
        EXPECT_NEAR(job.weight(), 1 - step, 1e-14);
      }
    });
  }
}

TEST(DistributedOptimizerParameters, ASharedTensorIsOneOperationUnderItsFirstName) {
  RunSessions(3, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"encoder", w}, {"decoder", w}});
    (Loss(w, 1) + Loss(w, session.rank())).backward();
    optimizer.Step();
    EXPECT_NEAR(First(w), -1, 1e-14);
    EXPECT_EQ(session.counters().operations, 1U);
  });
}

TEST(DistributedOptimizerParameters, OneNameForTwoTensorsIsAnError) {
  RunSessions(1, [](Session& session) {
    const at::Tensor a = Weight();
    const at::Tensor b = Weight();
    SGD sgd({a, b}, SGDOptions(1));
    EXPECT_THAT(ThrownMessage([&] {
                  DistributedOptimizer(session, sgd, NamedTensors{{"w", a}, {"w", b}});
                }),
                HasSubstr("'w' is the name of two tensors"));
  });
}

TEST(DistributedOptimizerParameters, ATensorThatIsNoLeafIsAnError) {
  RunSessions(1, [](Session& session) {
    const at::Tensor w = Weight();
    SGD sgd({w}, SGDOptions(1));
    EXPECT_THAT(ThrownMessage([&] {
                  DistributedOptimizer(session, sgd, NamedTensors{{"twice", w * 2}});
                }),
                HasSubstr("'twice' is computed from other tensors"));
  });
}

// Weight decay moves every parameter that has a gradient: a frozen one must have none.
TEST(DistributedOptimizerParameters, MayBeFrozenAndUnfrozenWhileTraining) {
  RunSessions(3, [](Session& session) {
    at::Tensor a = Weight();
    at::Tensor b = Weight().requires_grad_(false);
    SGD sgd({a, b}, SGDOptions(1).weight_decay(0.5));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"a", a}, {"b", b}});
    const auto train = [&] {
      optimizer.ZeroGrad();
      ((a * session.rank()).sum() + (b * session.rank()).sum()).backward();
      optimizer.Step();
    };
    train();
    EXPECT_NEAR(First(a), -0.5, 1e-14);
    EXPECT_EQ(First(b), 1);
    EXPECT_EQ(session.counters().operations, 1U);
    a.requires_grad_(false);
    b.requires_grad_(true);
    train();
    EXPECT_NEAR(First(a), -0.5, 1e-14);
    EXPECT_NEAR(First(b), -0.5, 1e-14);
    EXPECT_EQ(session.counters().operations, 2U);
    a.requires_grad_(true);
    train();
    EXPECT_NEAR(First(a), -1.25, 1e-14);
    EXPECT_EQ(session.counters().operations, 3U);  // both in one bucket
  });
}

TEST(DistributedOptimizerParameters, UnfrozenBeforeTheBackwardPassIsAveragedWithoutAHookToo) {
  RunSessions(2, [](Session& session) {
    const at::Tensor late = Weight().requires_grad_(false);
    SGD sgd({late}, SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"late", late}});
    late.requires_grad_(true);
    Loss(late, session.rank()).backward();
    optimizer.Step();
    EXPECT_EQ(First(late), 0.5);
  });
}

TEST(DistributedOptimizerParameters, HooksFollowAModuleToAnotherDtype) {
  RunSessions(2, [](Session& session) {
    torch::nn::Linear linear(torch::nn::LinearOptions(3, 1).bias(false));
    SGD sgd(linear->parameters(), SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, *linear);
    linear->to(at::kDouble);
    for (int step = 0; step < 2; ++step) {
      optimizer.ZeroGrad();
      linear->forward(at::ones({1, 3}, at::kDouble) * session.rank()).sum().backward();
      optimizer.Synchronize();
      EXPECT_EQ(First(linear->weight.grad()), 0.5);
    }
  });
}

torch::nn::Embedding SparseEmbedding() {
  torch::nn::Embedding embedding(torch::nn::EmbeddingOptions(6, 2).sparse(true));
  embedding->to(at::kDouble);
  const torch::NoGradGuard no_grad;
  embedding->weight.fill_(1);
  return embedding;
}

TEST(DistributedOptimizerParameters, SparseGradientsAreAveragedAsDenseWhereAsked) {
  for (const bool views : {false, true}) {
    RunSessions(3, [views](Session& session) {
      auto embedding = SparseEmbedding();
      SGD sgd(embedding->parameters(), SGDOptions(1));
      DistributedOptimizerOptions options;
      options.sparse_as_dense = true;
      options.gradient_as_bucket_view = views;
      options.backward_passes_per_step = 2;
      DistributedOptimizer optimizer(session, sgd, *embedding, options);
      optimizer.ZeroGrad();
      for (int pass = 0; pass < 2; ++pass) {
        embedding->forward(at::tensor({session.rank(), 5, 5}, at::kLong)).sum().backward();
      }
      optimizer.Step();
      const at::Tensor column = embedding->weight.detach().select(1, 0).contiguous();
      const std::vector<double> expected = {1 - 2 / 3.0, 1 - 2 / 3.0, 1 - 2 / 3.0, 1, 1, -3};
      EXPECT_LT((column - at::tensor(expected, at::kDouble)).abs().max().item<double>(), 1e-14);
    });
  }
}

TEST(DistributedOptimizerParameters, ARankWithoutTheSparseGradientContributesZeros) {
  RunSessions(2, [](Session& session) {
    auto embedding = SparseEmbedding();
    SGD sgd(embedding->parameters(), SGDOptions(1));
    DistributedOptimizerOptions options;
    options.sparse_as_dense = true;
    DistributedOptimizer optimizer(session, sgd, *embedding, options);
    if (session.rank() == 1) embedding->forward(at::tensor({3}, at::kLong)).sum().backward();
    optimizer.Step();
    EXPECT_EQ(embedding->weight.detach()[3][0].item<double>(), 0.5);
    EXPECT_EQ(embedding->weight.detach()[2][0].item<double>(), 1);
  });
}

TEST(DistributedOptimizerParameters, OtherwiseASparseGradientIsAnErrorWithTheRemedy) {
  RunSessions(2, [](Session& session) {
    auto embedding = SparseEmbedding();
    SGD sgd(embedding->parameters(), SGDOptions(1));
    DistributedOptimizer optimizer(session, sgd, NamedTensors{{"words.weight", embedding->weight}});
    EXPECT_THAT(
        ThrownMessage([&] { embedding->forward(at::tensor({1}, at::kLong)).sum().backward(); }),
        AllOf(HasSubstr("'words.weight' is sparse"), HasSubstr("sparse_as_dense")));
    // Whoever goes on all the same must not step with what only this rank has computed.
    EXPECT_THAT(ThrownMessage([&] { optimizer.Step(); }), HasSubstr("'words.weight' is sparse"));
  });
}

}  // namespace
}  // namespace ronde
