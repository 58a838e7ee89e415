#include "bench/collectives/calibration_fit.h"

#include <cmath>

#include <gtest/gtest.h>

namespace ronde::bench {
namespace {

TEST(FitLink, FindsTheParametersThatMadeTheSamples) {
  const LinkCost truth = {3, 2e-5, 7e-6};
  std::vector<LinkSample> samples;
  for (double bytes = 8; bytes < 1e8; bytes *= 4) {
    for (const double steps : {1.0, 2.0}) {
      const double betas = bytes * (4 - steps);
      const double gammas = bytes / steps;
      samples.push_back({steps, betas, gammas,
                         steps * truth.alpha_us + betas * truth.beta_us + gammas * truth.gamma_us});
    }
  }
  const LinkCost fit = FitLink(samples, {0.2, 1e-5, 1e-5});
  EXPECT_NEAR(fit.alpha_us, truth.alpha_us, 0.01 * truth.alpha_us);
  EXPECT_NEAR(fit.beta_us, truth.beta_us, 0.01 * truth.beta_us);
  EXPECT_NEAR(fit.gamma_us, truth.gamma_us, 0.03 * truth.gamma_us);
}

TEST(FitLink, NeverGoesBelowZero) {
  const std::vector<LinkSample> samples = {{1, 100, 0, 10}, {1, 200, 0, 9}, {1, 400, 0, 8}};
  const LinkCost fit = FitLink(samples, {1, 0.01, 0.01});
  EXPECT_GE(fit.alpha_us, 0);
  EXPECT_GE(fit.beta_us, 0);
  EXPECT_GE(fit.gamma_us, 0);
}

TEST(FitLink, KeepsThePriorWhereNothingWasMeasured) {
  const LinkCost prior = {25, 8e-4, 2e-5};
  const LinkCost fit = FitLink({}, prior);
  EXPECT_NEAR(fit.alpha_us, prior.alpha_us, 1e-9);
  EXPECT_NEAR(fit.beta_us, prior.beta_us, 1e-12);
  EXPECT_NEAR(fit.gamma_us, prior.gamma_us, 1e-12);
}

TEST(CrossoverBytes, LiesBetweenTheSizesWhereTheOrderTurns) {
  const std::vector<std::int64_t> sizes = {1000, 2000, 4000, 8000};
  const std::int64_t crossover =
      CrossoverBytes(sizes, std::vector<double>{1, 2, 4, 8}, std::vector<double>{3, 3, 3, 3});
  EXPECT_GT(crossover, 2000);
  EXPECT_LT(crossover, 4000);
}

TEST(CrossoverBytes, KnowsAlwaysAndNever) {
  const std::vector<std::int64_t> sizes = {1, 2};
  EXPECT_EQ(CrossoverBytes(sizes, std::vector<double>{1, 1}, std::vector<double>{2, 2}), INT64_MAX);
  EXPECT_EQ(CrossoverBytes(sizes, std::vector<double>{2, 2}, std::vector<double>{1, 1}), 0);
}

TEST(CrossoverBytes, OneDisturbedSizeDoesNotDecide) {
  const std::vector<std::int64_t> sizes = {1, 2, 4, 8, 16};
  const std::vector<double> small = {1, 9, 1, 1, 5};
  const std::vector<double> large = {2, 2, 2, 2, 2};
  EXPECT_GT(CrossoverBytes(sizes, small, large), 8);
}

TEST(RulesFrom, CoverAllSizesWithTheFastest) {
  const std::vector<std::int64_t> sizes = {100, 400, 1600};
  const std::vector<Curve> curves = {{"a", {1, 5, 20}}, {"b", {4, 4, 8}}};
  const auto rules = RulesFrom(sizes, curves, TunedRule::Buffers::kPrivate, 0.05);
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0], (TunedRule{"a", 0, 199, TunedRule::Buffers::kPrivate}));
  EXPECT_EQ(rules[1], (TunedRule{"b", 200, INT64_MAX, TunedRule::Buffers::kPrivate}));
}

TEST(RulesFrom, DoNotFollowNoiseOrWhatWasNotMeasured) {
  const std::vector<std::int64_t> sizes = {100, 400, 1600};
  const std::vector<Curve> curves = {{"a", {1.0, 1.02, 1.0}}, {"b", {2, 1.0, 0}}};
  const auto rules = RulesFrom(sizes, curves, TunedRule::Buffers::kAny, 0.05);
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0].algorithm, "a");
}

}  // namespace
}  // namespace ronde::bench
