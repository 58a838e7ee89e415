#include "frontends/resnet/data/resize.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::Each;
using testing::ElementsAreArray;

// A grey image from one byte per pixel.
RgbImage Grey(int height, int width, const std::vector<int>& values) {
  RgbImage image{height, width, {}};
  for (const int value : values) {
    image.pixels.insert(image.pixels.end(), 3, static_cast<std::uint8_t>(value));
  }
  return image;
}

std::vector<int> Resized(const RgbImage& image, int side) {
  std::vector<std::uint8_t> out(static_cast<std::size_t>(side * side) * 3);
  CropAndResize(image, side, out);
  std::vector<int> red;
  for (std::size_t i = 0; i < out.size(); i += 3) {
    EXPECT_EQ(out[i], out[i + 1]);
    EXPECT_EQ(out[i], out[i + 2]);
    red.push_back(out[i]);
  }
  return red;
}

TEST(CropAndResize, KeepsAnImageOfTheRightSize) {
  EXPECT_THAT(Resized(Grey(2, 2, {1, 50, 200, 255}), 2), ElementsAreArray({1, 50, 200, 255}));
}

TEST(CropAndResize, CutsTheCentralSquare) {
  EXPECT_THAT(Resized(Grey(2, 4, {9, 1, 2, 9, 9, 3, 4, 9}), 2), ElementsAreArray({1, 2, 3, 4}));
  EXPECT_THAT(Resized(Grey(4, 2, {9, 9, 1, 2, 3, 4, 9, 9}), 2), ElementsAreArray({1, 2, 3, 4}));
}

TEST(CropAndResize, KeepsAPlainColourAtEverySize) {
  for (const int side : {1, 3, 32, 100}) {
    EXPECT_THAT(Resized(Grey(7, 9, std::vector<int>(63, 123)), side), Each(123)) << side;
  }
}

TEST(CropAndResize, AveragesWhatItShrinks) {
  std::vector<int> stripes;  // a single pixel kept would be 0 or 200
  for (int i = 0; i < 64 * 64; ++i) stripes.push_back(i % 2 == 0 ? 0 : 200);
  for (const int value : Resized(Grey(64, 64, stripes), 8)) EXPECT_NEAR(value, 100, 7);
}

TEST(CropAndResize, InterpolatesWhatItEnlarges) {
  EXPECT_THAT(Resized(Grey(2, 2, {0, 100, 0, 100}), 4),
              ElementsAreArray({0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100}));
}

TEST(CropAndResize, TakesASinglePixel) { EXPECT_THAT(Resized(Grey(1, 1, {42}), 3), Each(42)); }

}  // namespace
}  // namespace ronde
