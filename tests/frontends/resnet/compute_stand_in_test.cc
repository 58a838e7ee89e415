#include "frontends/resnet/compute_stand_in.h"

#include <algorithm>
#include <ctime>
#include <deque>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontends/resnet/models/resnet.h"
#include "frontends/torch/gradient_hook.h"

namespace ronde {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::Ge;

constexpr int kClasses = 4;
const std::vector<std::int64_t> kLabels = {1, 0};  // mean 1/2: a gradient of -1e-3 / 2

ResNet SmallModel() { return ResNet(*FindResNet("resnet8", 2, 3, kClasses)); }

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

TEST(ComputeStandIn, GivesEveryParameterAGradientMadeFromTheLabels) {
  const ResNet model = SmallModel();
  ComputeStandIn stand_in(*model, milliseconds(1));
  stand_in.Forward(kLabels, kClasses).backward();
  for (const auto& parameter : model->named_parameters()) {
    const torch::Tensor gradient = parameter.value().grad();
    ASSERT_TRUE(gradient.defined()) << parameter.key();
    EXPECT_TRUE(gradient.allclose(torch::full_like(parameter.value(), -0.5e-3))) << parameter.key();
  }
}

TEST(ComputeStandIn, AddsUpTheGradientsOfSeveralPasses) {
  const ResNet model = SmallModel();
  ComputeStandIn stand_in(*model, milliseconds(1));
  for (int pass = 0; pass < 2; ++pass) (stand_in.Forward(kLabels, kClasses) / 2).backward();
  const torch::Tensor weights = model->parameters().front();
  EXPECT_TRUE(weights.grad().allclose(torch::full_like(weights, -0.5e-3)));
}

TEST(ComputeStandIn, LeavesFrozenParametersAlone) {
  const ResNet model = SmallModel();
  model->parameters().front().set_requires_grad(false);
  ComputeStandIn stand_in(*model, milliseconds(1));
  stand_in.Forward(kLabels, kClasses).backward();
  EXPECT_FALSE(model->parameters().front().grad().defined());
  EXPECT_TRUE(model->parameters().back().grad().defined());
}

TEST(ComputeStandIn, SleepsAThirdForwardAndTwoThirdsBackward) {
  const ResNet model = SmallModel();
  ComputeStandIn stand_in(*model, milliseconds(90));
  const double cpu_before = ThreadCpuSeconds();
  const auto start = steady_clock::now();
  const torch::Tensor output = stand_in.Forward(kLabels, kClasses);
  const auto middle = steady_clock::now();
  output.backward();
  EXPECT_THAT(middle - start, Ge(milliseconds(30)));
  EXPECT_THAT(steady_clock::now() - middle, Ge(milliseconds(60)));
  EXPECT_LT(ThreadCpuSeconds() - cpu_before, 0.045);
}

TEST(ComputeStandIn, GradientsAppearFromTheLastParameterOnOneConvolutionAfterTheOther) {
  const ResNet model = SmallModel();
  ComputeStandIn stand_in(*model, milliseconds(90));
  struct Arrival {
    std::string name;
    steady_clock::time_point at;
  };
  std::vector<Arrival> arrivals;
  std::deque<GradientHook> hooks;
  std::vector<std::string> expected;
  for (const auto& parameter : model->named_parameters()) {
    const std::string& name = parameter.key();
    hooks.emplace_back(parameter.value(), [&arrivals, name] {
      arrivals.push_back({name, steady_clock::now()});
    });
    expected.insert(expected.begin(), name);
  }

  const torch::Tensor output = stand_in.Forward(kLabels, kClasses);
  const auto start = steady_clock::now();
  output.backward();
  std::vector<std::string> names;
  for (const Arrival& arrival : arrivals) names.push_back(arrival.name);
  EXPECT_EQ(names, expected);

  // ResNet-8 has nine convolutions, two of them shortcuts: the first takes 60 ms / 9.
  int convolutions = 0;
  for (const Arrival& arrival : arrivals) {
    const bool is_convolution = model->named_parameters()[arrival.name].dim() == 4;
    convolutions += is_convolution ? 1 : 0;
    EXPECT_THAT(arrival.at - start, Ge(milliseconds(60) * convolutions / 9)) << arrival.name;
  }
  EXPECT_EQ(convolutions, 9);
}

}  // namespace
}  // namespace ronde
