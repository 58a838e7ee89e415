#include "frontends/torch/slowmo.h"

#include <gmock/gmock.h>

#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

double Value(const at::Tensor& tensor) { return tensor[0].item<double>(); }

TEST(SlowMo, FollowsItsFormula) {
  FlatParameters flat({at::full({2}, 1.0, at::kDouble)});
  SlowMo outer(flat, {0.5, 0.8});
  double u = 0;
  double x0 = 1;
  for (int window = 1; window <= 4; ++window) {
    const double gamma = 0.1 / window;
    const double averaged = x0 - 0.3 / window;
    flat.flat().fill_(averaged);
    outer.Step(gamma);
    u = 0.5 * u + (x0 - averaged) / gamma;
    x0 = x0 - 0.8 * gamma * u;
    EXPECT_NEAR(Value(flat.flat()), x0, 1e-14);
    EXPECT_NEAR(Value(outer.anchor()), x0, 1e-14);
    EXPECT_NEAR(Value(outer.slow_buffer()), u, 1e-14);
  }
}

TEST(SlowMo, BetaZeroAlphaOneKeepsTheAverage) {
  FlatParameters flat({at::full({2}, 1.0, at::kDouble)});
  SlowMo outer(flat, {0, 1});
  flat.flat().fill_(0.123);
  outer.Step(0.07);
  EXPECT_NEAR(Value(flat.flat()), 0.123, 1e-15);
}

TEST(SlowMo, AnchorsWhereTold) {
  FlatParameters flat({at::full({2}, 1.0, at::kDouble)});
  SlowMo outer(flat);
  flat.flat().fill_(5);
  outer.Anchor();
  EXPECT_EQ(Value(outer.anchor()), 5);
  EXPECT_EQ(Value(outer.slow_buffer()), 0);
}

TEST(SlowMo, KeepsFloat32StateForSixteenBitWeights) {
  FlatParameters flat({at::full({2}, 1.0, at::kBFloat16)});
  SlowMo outer(flat);
  EXPECT_EQ(outer.anchor().scalar_type(), at::kFloat);
  flat.flat().fill_(0.5);
  outer.Step(0.1);
  EXPECT_EQ(flat.flat()[0].item<double>(), 0.5);
}

TEST(SlowMo, RejectsAZeroLearningRateAndBadOptions) {
  FlatParameters flat({at::zeros({2})});
  SlowMo outer(flat);
  EXPECT_EQ(ThrownCode([&] { outer.Step(0); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(ThrownCode([&] { SlowMo(flat, {1.0, 1}); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(ThrownCode([&] { SlowMo(flat, {-0.1, 1}); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(ThrownCode([&] { SlowMo(flat, {0.5, 0}); }), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ronde
