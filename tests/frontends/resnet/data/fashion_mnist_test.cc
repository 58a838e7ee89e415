#include "frontends/resnet/data/fashion_mnist.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/resnet/data/idx_files.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Three images; image i is filled with 10 i.
class FashionMnistTest : public testing::Test {
 protected:
  FashionMnistTest() {
    WriteImages(3, 28);
    WriteLabels({7, 0, 9});
  }
  void WriteImages(std::uint32_t count, std::uint32_t side) {
    std::vector<std::uint8_t> pixels;
    for (std::uint32_t i = 0; i < count; ++i) {
      pixels.insert(pixels.end(), side * side, static_cast<std::uint8_t>(10 * i));
    }
    WriteGzip(images_, IdxBytes(0x803, {count, side, side}, pixels));
  }
  void WriteLabels(const std::vector<std::uint8_t>& labels) {
    WriteGzip(labels_, IdxBytes(0x801, {static_cast<std::uint32_t>(labels.size())}, labels));
  }
  [[nodiscard]] std::string Error() const {
    const auto dataset = LoadFashionMnist(folder_.path(), Split::kTraining, 0);
    EXPECT_FALSE(dataset.ok());
    return dataset.status().message();
  }

  TemporaryFolder folder_;
  std::string images_ = folder_.File("train-images-idx3-ubyte.gz");
  std::string labels_ = folder_.File("train-labels-idx1-ubyte.gz");
};

TEST_F(FashionMnistTest, LoadsImagesAndLabels) {
  const auto dataset = LoadFashionMnist(folder_.path(), Split::kTraining, 0);
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  EXPECT_EQ(dataset.value()->size(), 3);
  EXPECT_EQ(dataset.value()->Label(2), 9);
  std::array<std::uint8_t, 784> image = {};
  dataset.value()->ReadImage(2, image);
  EXPECT_EQ(image[783], 20);
}

TEST_F(FashionMnistTest, LimitsItsSize) {
  EXPECT_EQ(LoadFashionMnist(folder_.path(), Split::kTraining, 2).value()->size(), 2);
  EXPECT_EQ(LoadFashionMnist(folder_.path(), Split::kTraining, 9).value()->size(), 3);
}

TEST_F(FashionMnistTest, NamesALabelOutOfRange) {
  WriteLabels({7, 10, 9});
  EXPECT_THAT(Error(), AllOf(HasSubstr(labels_), HasSubstr("label 10 of image 1")));
}

TEST_F(FashionMnistTest, NamesDifferentNumbersOfImagesAndLabels) {
  WriteLabels({7, 1});
  EXPECT_THAT(Error(), AllOf(HasSubstr(labels_), HasSubstr("2 labels, expected 3")));
}

TEST_F(FashionMnistTest, NamesAnotherImageSize) {
  WriteImages(3, 32);
  EXPECT_THAT(Error(), AllOf(HasSubstr(images_), HasSubstr("32x32")));
}

TEST_F(FashionMnistTest, SaysWhereToGetAMissingFile) {
  std::filesystem::remove(labels_);
  EXPECT_THAT(Error(), AllOf(HasSubstr(labels_), HasSubstr("dataset-fashion-mnist"),
                             HasSubstr("--data-dir")));
}

}  // namespace
}  // namespace ronde
