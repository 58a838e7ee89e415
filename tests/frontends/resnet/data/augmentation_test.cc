#include "frontends/resnet/data/augmentation.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

DatasetTraits Small() {
  DatasetTraits traits;
  traits.height = 2;
  traits.width = 3;
  traits.mean = {0.5F, 0, 0};
  traits.deviation = {0.5F, 1, 1};
  return traits;
}

std::vector<float> Normalized(const Augmentation& augmentation) {
  const std::vector<std::uint8_t> image = {0, 51, 102, 153, 204, 255};
  std::vector<float> out(image.size());
  Normalize(Small(), image, augmentation, out);
  for (float& value : out) value = value * 0.5F + 0.5F;  // back to 0..1
  return out;
}

void ExpectPixels(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-6) << i;
}

TEST(Normalize, MapsBytesToStandardScores) {
  ExpectPixels(Normalized({}), {0, 0.2F, 0.4F, 0.6F, 0.8F, 1});
}

TEST(Normalize, PadsWithBlackWhereACropLeavesTheImage) {
  ExpectPixels(Normalized({1, -1, false}), {0, 0.6F, 0.8F, 0, 0, 0});
}

TEST(Normalize, Mirrors) { ExpectPixels(Normalized({0, 0, true}), {0.4F, 0.2F, 0, 1, 0.8F, 0.6F}); }

TEST(DrawAugmentation, IsAFunctionOfSeedEpochAndImage) {
  const DatasetTraits traits;
  const auto draw = [&](std::uint64_t seed, int epoch, std::int64_t image) {
    const Augmentation drawn = DrawAugmentation(traits, seed, epoch, image);
    return std::tuple(drawn.shift_y, drawn.shift_x, drawn.mirrored);
  };
  int changed_by_epoch = 0;
  int changed_by_seed = 0;
  for (std::int64_t image = 0; image < 100; ++image) {
    EXPECT_EQ(draw(1, 1, image), draw(1, 1, image));
    changed_by_epoch += draw(1, 1, image) != draw(1, 2, image) ? 1 : 0;
    changed_by_seed += draw(1, 1, image) != draw(2, 1, image) ? 1 : 0;
  }
  EXPECT_GT(changed_by_epoch, 90);
  EXPECT_GT(changed_by_seed, 90);
}

TEST(DrawAugmentation, ReachesEveryShiftWithinThePadding) {
  const DatasetTraits traits;  // 28 pixels: up to 3
  std::set<int> shifts;
  int mirrored = 0;
  for (std::int64_t image = 0; image < 1000; ++image) {
    const Augmentation drawn = DrawAugmentation(traits, 1, 1, image);
    shifts.insert(drawn.shift_y);
    shifts.insert(drawn.shift_x);
    mirrored += drawn.mirrored ? 1 : 0;
  }
  EXPECT_EQ(shifts, (std::set<int>{-3, -2, -1, 0, 1, 2, 3}));
  EXPECT_GT(mirrored, 430);
  EXPECT_LT(mirrored, 570);
}

}  // namespace
}  // namespace ronde
