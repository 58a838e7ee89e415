#include "frontends/torch/worker_divergence.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "frontends/torch/model_averager.h"
#include "tests/frontends/torch/algorithms/small_training.h"
#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

constexpr std::int64_t kCount = 1003;  // no multiple of the partial sums

at::Tensor WeightsOf(int rank, at::ScalarType type) {
  const at::Tensor index = at::arange(kCount, at::TensorOptions().dtype(at::kDouble));
  return (at::sin(index * 1.7) + 0.1 * at::sin(index * 0.3 + 5.0 * rank)).to(type);
}

double Reference(int rank, int size, at::ScalarType type) {
  at::Tensor mean = at::zeros({kCount}, at::kDouble);
  for (int k = 0; k < size; ++k) mean += WeightsOf(k, type).to(at::kDouble) / size;
  const at::Tensor moved = WeightsOf(rank, type).to(at::kDouble) - mean;
  return (moved.norm() / mean.norm()).item<double>();
}

void ExpectFollowsReference(int size, at::ScalarType type, double tolerance) {
  RunSessions(size, [&](Session& session) {
    FlatParameters flat({WeightsOf(session.rank(), type)});
    ModelAverager averager(session, flat, {1, 0});
    torch::nn::Module no_buffers;
    LocalWorkers workers(no_buffers, flat, 1);
    WorkerDivergence divergence(workers);
    divergence.Remember();
    averager.Step(1);
    const double expected = Reference(session.rank(), size, type);
    EXPECT_NEAR(divergence.Measure().item<double>(), expected, tolerance * expected)
        << "rank " << session.rank() << " of " << size;
  });
}

TEST(WorkerDivergence, FollowsAFloat64Reference) {
  for (const int size : {1, 2, 3, 4}) {
    ExpectFollowsReference(size, at::kDouble, 1e-12);
    ExpectFollowsReference(size, at::kFloat, 1e-6);
  }
}

TEST(WorkerDivergence, Sums16BitWeightsInFloat64) {
  // The mean is rounded to bfloat16, which adds to the distance.
  RunSessions(2, [](Session& session) {
    FlatParameters flat({WeightsOf(session.rank(), at::kBFloat16)});
    ModelAverager averager(session, flat, {1, 0});
    torch::nn::Module no_buffers;
    LocalWorkers workers(no_buffers, flat, 1);
    WorkerDivergence divergence(workers);
    const at::Tensor before = flat.flat().to(at::kDouble);
    divergence.Remember();
    averager.Step(1);
    const at::Tensor mean = flat.flat().to(at::kDouble);
    const double expected = ((before - mean).norm() / mean.norm()).item<double>();
    EXPECT_NEAR(divergence.Measure().item<double>(), expected, 1e-12);
  });
}

TEST(WorkerDivergence, ChangesNothingAndCommunicatesNothing) {
  RunSessions(2, [](Session& session) {
    FlatParameters flat({WeightsOf(session.rank(), at::kFloat)});
    torch::nn::Module no_buffers;
    LocalWorkers workers(no_buffers, flat, 1);
    WorkerDivergence divergence(workers);
    divergence.Remember();
    EXPECT_EQ(divergence.Measure().item<double>(), 0);
    EXPECT_TRUE(torch::equal(flat.flat(), WeightsOf(session.rank(), at::kFloat)));
    EXPECT_EQ(session.counters().operations, 0U);
  });
}

TEST(WorkerDivergence, IsTheMeanOverTheRanksWorkers) {
  torch::nn::Module no_buffers;
  FlatParameters flat({at::zeros({2})});
  LocalWorkers workers(no_buffers, flat, 2);
  workers.weights(0).copy_(torch::tensor({3.0F, 0.0F}));
  workers.weights(1).copy_(torch::tensor({7.0F, 0.0F}));
  WorkerDivergence divergence(workers);
  divergence.Remember();
  workers.weights(0).copy_(torch::tensor({4.0F, 0.0F}));
  EXPECT_DOUBLE_EQ(divergence.Measure().item<double>(), (0.25 + 0.75) / 2);
}

TEST(WorkerDivergence, IsZeroForZerosAndNotFiniteForWhatIsNot) {
  FlatParameters flat({at::zeros({40})});
  torch::nn::Module no_buffers;
  LocalWorkers workers(no_buffers, flat, 1);
  WorkerDivergence divergence(workers);
  divergence.Remember();
  EXPECT_EQ(divergence.Measure().item<double>(), 0);
  flat.flat()[39] = std::nanf("");
  EXPECT_TRUE(std::isnan(divergence.Measure().item<double>()));
}

double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

// Before and after the first average, which closes the window of steps T + 1 .. T + H.
double ReferenceOfFirstAverage(int rank, int size, AlgorithmOptions options) {
  const std::int64_t first_average = options.switch_step + options.local_steps;
  AlgorithmOptions without_average = options;
  without_average.local_steps = 1000;
  ReferenceTraining averaged("post-local", size, options, {});
  ReferenceTraining local("post-local", size, without_average, {});
  for (std::int64_t t = 1; t <= first_average; ++t) {
    averaged.Step(t);
    local.Step(t);
  }
  const std::vector<double>& mean = averaged.weights(rank);
  std::vector<double> moved = local.weights(rank);
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= mean[i];
  return Norm(moved) / Norm(mean);
}

// SlowMo moves the weights on after the average: what counts is the mean itself.
void ExpectReportsDivergence(std::string_view algorithm) {
  const AlgorithmOptions options{3, 2};
  for (const int size : {2, 3}) {
    RunSessions(size, [&](Session& session) {
      SmallTraining training(session, algorithm, options);
      for (std::int64_t t = 1; t <= 6; ++t) {
        const std::optional<double> reported = training.Step(t).worker_divergence;
        ASSERT_EQ(reported.has_value(), t == 5) << "step " << t;
        if (!reported) continue;
        EXPECT_NEAR(*reported, ReferenceOfFirstAverage(session.rank(), size, options), 1e-12);
      }
    });
  }
}

TEST(StepReport, GivesTheDivergenceWhereWeightsAreAveraged) {
  ExpectReportsDivergence("post-local");
  ExpectReportsDivergence("slowmo");
}

TEST(StepReport, GivesNoDivergenceInMinibatchSteps) {
  RunSessions(2, [](Session& session) {
    SmallTraining training(session, "minibatch", {});
    for (std::int64_t t = 1; t <= 3; ++t) EXPECT_FALSE(training.Step(t).worker_divergence);
  });
}

}  // namespace
}  // namespace ronde
