#include "frontends/resnet/batch_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;

// Two batches of two images; class 6 is the likeliest, class 0 the least likely.
ValidationSums Evaluated(int classes) {
  ValidationSums sums(classes, 2);
  const torch::Tensor logits = torch::arange(classes, torch::kFloat32).repeat({2, 1});
  AddValidationBatch(sums, 0, 1.5, logits, torch::tensor({std::int64_t{0}, std::int64_t{2}}));
  AddValidationBatch(sums, 1, 0.5, logits,
                     torch::tensor({std::int64_t{classes - 1}, std::int64_t{classes - 1}}));
  return sums;
}

TEST(AddValidationBatch, CountsLossTopOneAndTopFive) {
  const ValidationSums sums = Evaluated(7);
  EXPECT_EQ(sums.all.images, 4);
  EXPECT_EQ(sums.all.mean_loss(), 1);
  EXPECT_THAT(sums.batch_losses, ElementsAre(3, 1));
  EXPECT_EQ(sums.all.top1(), 0.5);
  EXPECT_EQ(sums.top5(), 0.75);  // 2 is the fifth of seven, 0 the last
}

TEST(AddValidationBatch, CountsEachClassAndLeavesThoseWithoutImagesEmpty) {
  EXPECT_THAT(Evaluated(4).per_class(), ElementsAre(0.0, std::nullopt, 0.0, 1.0));
}

TEST(AddValidationBatch, HasNoTopFiveOfFiveClasses) {
  EXPECT_EQ(Evaluated(5).top5(), std::nullopt);
  EXPECT_TRUE(Evaluated(6).top5().has_value());
}

}  // namespace
}  // namespace ronde
