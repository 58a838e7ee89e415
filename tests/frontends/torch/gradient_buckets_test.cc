#include "frontends/torch/gradient_buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

at::Tensor Floats(std::int64_t count) { return at::zeros({count}); }
at::Tensor Doubles(std::int64_t count) { return at::zeros({count}, at::kDouble); }

TEST(GradientBuckets, AreFilledFromTheLastParameterOn) {
  EXPECT_THAT(PlanGradientBuckets({Floats(1), Floats(2), Floats(1), Floats(1)}, 8),
              ElementsAre(ElementsAre(3, 2), ElementsAre(1), ElementsAre(0)));
}

TEST(GradientBuckets, HoldOneTypeEach) {
  EXPECT_THAT(PlanGradientBuckets({Floats(1), Doubles(1), Floats(1), Doubles(1)}, 1 << 20),
              ElementsAre(ElementsAre(3, 1), ElementsAre(2, 0)));
}

TEST(GradientBuckets, HoldOneGradientEachWithoutASize) {
  EXPECT_THAT(PlanGradientBuckets({Floats(1), Floats(0), Floats(1)}, 0),
              ElementsAre(ElementsAre(2), ElementsAre(1), ElementsAre(0)));
}

TEST(GradientBuckets, OfNothingAreNone) { EXPECT_THAT(PlanGradientBuckets({}, 8), IsEmpty()); }

}  // namespace
}  // namespace ronde
