#include <string>
#include <utility>

#include <gmock/gmock.h>

#include "core/base/strcat.h"
#include "frontends/torch/distributed_optimizer.h"
#include "frontends/torch/model_averager.h"
#include "tests/frontends/torch/one_weight.h"
#include "tests/frontends/torch/run_sessions.h"
#include "tests/frontends/torch/tiny_model.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using torch::optim::SGD;
using torch::optim::SGDOptions;

DistributedOptimizerOptions Passes(int count, bool average = false) {
  DistributedOptimizerOptions options;
  options.backward_passes_per_step = count;
  options.average_aggregated_gradients = average;
  return options;
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

TEST(DistributedOptimizer, AsksOnceBeforeAStepsFirstGradientIsSent) {
  RunSessions(2, [](Session& session) {
    torch::nn::Sequential model = TinyModel();
    SGD sgd(model->parameters(), SGDOptions(0.1));
    int asked = 0;
    DistributedOptimizerOptions options;
    options.bucket_size_bytes = 0;  // each of the four by itself
    options.before_sending = [&] {
      EXPECT_EQ(session.counters().operations, static_cast<std::uint64_t>(4 * asked));
      ++asked;
    };
    DistributedOptimizer optimizer(session, sgd, *model, options);
    for (int step = 0; step < 3; ++step) {
      optimizer.ZeroGrad();
      TinyLoss(model, session.rank(), step).backward();
      EXPECT_EQ(asked, step + 1) << "within the backward pass";
      optimizer.Step();
    }
    EXPECT_EQ(asked, 3);
  });
}

TEST(DistributedOptimizer, SendsNothingWhereItIsToldNotTo) {
  RunSessions(2, [](Session& session) {
    torch::nn::Sequential model = TinyModel();
    SGD sgd(model->parameters(), SGDOptions(0.1));
    DistributedOptimizerOptions options;
    options.before_sending = [] { throw Error(Status::Aborted("the loss is nan")); };
    DistributedOptimizer optimizer(session, sgd, *model, options);
    const at::Tensor loss = TinyLoss(model, session.rank(), 0);
    EXPECT_EQ(ThrownMessage([&] { loss.backward(); }), "the loss is nan");
    EXPECT_EQ(ThrownCode([&] { TinyLoss(model, 0, 1).backward(); }), StatusCode::kInvalidArgument)
        << "gradients were refused, and the next backward pass does not go on as if nothing were";
    EXPECT_EQ(session.counters().operations, 0U);
  });
}

TEST(DistributedOptimizer, AccumulatesInsideSkipSynchronize) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session);
    {
      const SkipSynchronize skip(job.optimizer);
      job.Backward(session.rank());
      EXPECT_EQ(job.gradient(), session.rank());
    }
    job.Backward(1);
    job.optimizer.Synchronize();
    EXPECT_EQ(job.gradient(), 1.5);
  });
}

TEST(DistributedOptimizer, StepsLocallyWhileSkipping) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session);
    const SkipSynchronize skip(job.optimizer);
    job.Backward(session.rank());
    job.optimizer.Step();
    EXPECT_EQ(job.weight(), 1 - session.rank());
    EXPECT_EQ(session.counters().operations, 0U);
  });
}

TEST(DistributedOptimizerAccumulation, SubmitsAtTheLastPassOnly) {
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [](Session& session) {
      OneWeight job(session, Passes(3));
      for (int step = 1; step <= 2; ++step) {
        job.optimizer.ZeroGrad();
        for (int pass = 0; pass < 2; ++pass) {
          job.Backward(session.rank());
          EXPECT_EQ(session.counters().operations, step - 1U);
          EXPECT_EQ(job.gradient(), (pass + 1) * session.rank());
        }
        job.Backward(session.rank());
        job.optimizer.Synchronize();
        EXPECT_EQ(session.counters().operations, static_cast<unsigned>(step));
        EXPECT_NEAR(job.gradient(), 3 * (session.size() - 1) / 2.0, 1e-14);
        job.optimizer.Step();
      }
    });
  }
}

TEST(DistributedOptimizerAccumulation, AveragesOverPassesWhereAsked) {
  for (const bool synchronizing : {true, false}) {
    RunSessions(2, [synchronizing](Session& session) {
      OneWeight job(session, Passes(4, /*average=*/true));
      job.optimizer.set_synchronizing(synchronizing);
      for (int step = 1; step <= 3; ++step) {
        job.optimizer.ZeroGrad();
        for (const double factor : {1, 2, 3, 6}) job.Backward(factor + session.rank());
        job.optimizer.Synchronize();
        EXPECT_EQ(job.gradient(), 3 + (synchronizing ? 0.5 : session.rank()));
        job.optimizer.Step();
        EXPECT_EQ(job.weight(), 1 - step * job.gradient());
      }
    });
  }
}

TEST(DistributedOptimizerAccumulation, EqualsOneLargeBatch) {
  constexpr int kPasses = 3;
  for (const int size : {1, 2, 3}) {
    RunSessions(size, [](Session& session) {
      auto model = TinyModel();
      auto reference = TinyModel();
      SGD sgd(model->parameters(), SGDOptions(0.5).momentum(0.9));
      SGD reference_sgd(reference->parameters(), SGDOptions(0.5).momentum(0.9));
      DistributedOptimizer optimizer(session, sgd, *model, Passes(kPasses, /*average=*/true));
      for (int step = 0; step < 4; ++step) {
        optimizer.ZeroGrad();
        for (int pass = 0; pass < kPasses; ++pass) {
          TinyLoss(model, session.rank() * kPasses + pass, step).backward();
        }
        optimizer.Step();
        reference_sgd.zero_grad();
        MeanTinyLoss(reference, session.size() * kPasses, step).backward();
        reference_sgd.step();
      }
      EXPECT_LT(LargestDifference(*model, *reference), 1e-13);
    });
  }
}

TEST(DistributedOptimizerAccumulation, OnePassTooManyIsAnErrorThatNamesParameterAndCount) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session, Passes(2));
    job.Backward(1);
    job.Backward(1);
    EXPECT_THAT(ThrownMessage([&] { job.Backward(1); }),
                AllOf(HasSubstr("'w'"), HasSubstr("2 backward passes"),
                      HasSubstr("backward_passes_per_step")));
    job.optimizer.Synchronize();
  });
}

TEST(DistributedOptimizerAccumulation, AParameterMayMissPassesAndStepsMayComeEarly) {
  RunSessions(3, [](Session& session) {
    OneWeight job(session, Passes(3));
    for (int pass = 0; pass < session.rank(); ++pass) job.Backward(6);
    job.optimizer.Synchronize();
    EXPECT_NEAR(job.gradient(), 6, 1e-14);
    // Counting starts anew.
    job.optimizer.ZeroGrad();
    for (int pass = 0; pass < 3; ++pass) job.Backward(1);
    job.optimizer.Synchronize();
    EXPECT_NEAR(job.gradient(), 3, 1e-14);
  });
}

TEST(DistributedOptimizerAccumulation, ZeroGradForgetsUnfinishedPasses) {
  RunSessions(2, [](Session& session) {
    OneWeight job(session, Passes(2));
    job.Backward(7);
    job.optimizer.ZeroGrad();
    job.Backward(1);
    EXPECT_EQ(session.counters().operations, 0U);
    job.Backward(1);
    job.optimizer.Synchronize();
    EXPECT_EQ(job.gradient(), 2);
  });
}

TEST(DistributedOptimizerAccumulation, AveragingPeriodsCountOptimizerSteps) {
  RunSessions(3, [](Session& session) {
    OneWeight job(session, Passes(2));
    FlatParameters flat({job.w});
    ModelAverager averager(session, flat, AverageSchedule{2, 0});
    job.optimizer.set_synchronizing(false);
    for (int step = 1; step <= 4; ++step) {
      job.optimizer.ZeroGrad();
      for (int pass = 0; pass < 2; ++pass) job.Backward(session.rank());
      job.optimizer.Step();
      EXPECT_EQ(averager.Step(step), step % 2 == 0);
    }
    EXPECT_NEAR(job.weight(), 1 - 4 * 2 * 1.0, 1e-14);
    EXPECT_EQ(session.counters().operations, 2U);
  });
}

TEST(DistributedOptimizerAccumulation, RefusesLessThanOnePass) {
  RunSessions(1, [](Session& session) {
    EXPECT_THAT(ThrownMessage([&] { OneWeight job(session, Passes(0)); }),
                HasSubstr("backward_passes_per_step must be at least 1, got 0"));
  });
}

}  // namespace
}  // namespace ronde
