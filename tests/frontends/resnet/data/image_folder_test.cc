#include "frontends/resnet/data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontends/resnet/data/image_folder_index.h"
#include "tests/frontends/resnet/data/idx_files.h"
#include "tests/frontends/resnet/data/image_files.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Classes ant, bee, cat with 3, 1, 2 training images; bee has no validation images. The red of an
// image is 10 x its label + its number in the class.
class ImageFolderTest : public testing::Test {
 protected:
  ImageFolderTest() {
    Png("train/cat/1.png", 20);
    Png("train/cat/2.png", 21);
    Png("train/bee/1.png", 10);
    Png("train/ant/1.png", 0);
    Png("train/ant/3.png", 2);
    Png("train/ant/2.png", 1);
    Png("val/ant/1.png", 0);
    Png("val/cat/1.png", 20);
  }
  void Png(const std::string& name, std::uint8_t red) {
    WritePng(folder_.File(name), 10, 12, PlainColour(10, 12, red, 100, 200));
  }
  [[nodiscard]] std::vector<int> Labels(Split split, std::int64_t limit = 0) const {
    const auto dataset = LoadImageFolder(folder_.path(), split, limit, 8);
    EXPECT_TRUE(dataset.ok()) << dataset.status().message();
    std::vector<int> labels;
    for (std::int64_t i = 0; i < dataset.value()->size(); ++i) {
      labels.push_back(dataset.value()->Label(i));
    }
    return labels;
  }
  [[nodiscard]] std::string Error(Split split) const {
    const auto dataset = LoadImageFolder(folder_.path(), split, 0, 8);
    EXPECT_FALSE(dataset.ok());
    EXPECT_EQ(dataset.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(dataset.status().message().find('\n'), std::string::npos);
    return dataset.status().message();
  }
  void Remove(const std::string& name) { std::filesystem::remove_all(folder_.File(name)); }

  TemporaryFolder folder_;
};

TEST_F(ImageFolderTest, SortsClassesByNameAndTakesThemInTurns) {
  EXPECT_THAT(Labels(Split::kTraining), ElementsAre(0, 1, 2, 0, 2, 0));
  EXPECT_THAT(Labels(Split::kTraining, 4), ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(Labels(Split::kValidation), ElementsAre(0, 2));
  EXPECT_THAT(ListImageFolder(folder_.path(), Split::kValidation).value().classes,
              ElementsAre("ant", "bee", "cat"));
}

TEST_F(ImageFolderTest, DecodesEachFileIntoItsPlace) {
  const auto dataset = LoadImageFolder(folder_.path(), Split::kTraining, 0, 8).value();
  EXPECT_EQ(dataset->traits().height, 8);
  EXPECT_EQ(dataset->traits().width, 8);
  EXPECT_EQ(dataset->traits().classes, 3);
  std::vector<int> reds;
  std::vector<std::uint8_t> image(8 * 8 * 3);
  for (std::int64_t i = 0; i < dataset->size(); ++i) {
    dataset->ReadImage(i, image);
    reds.push_back(image[0]);
    EXPECT_EQ(image[1], 100);
    EXPECT_EQ(image[8 * 8 * 3 - 1], 200);
  }
  EXPECT_THAT(reds, ElementsAre(0, 10, 20, 1, 21, 2));
}

TEST_F(ImageFolderTest, ReadsJpegBesidePngAndSkipsOtherFiles) {
  WriteJpeg(folder_.File("train/bee/2.JPEG"), 10, 12, PlainColour(10, 12, 9, 9, 9));
  WritePlain(folder_.File("train/bee/notes.txt"), "not an image");
  WritePlain(folder_.File("train/.hidden"), "");
  std::filesystem::create_directory(folder_.File("train/.thumbnails"));
  std::filesystem::create_directory(folder_.File("train/bee/deeper.png"));
  EXPECT_THAT(Labels(Split::kTraining), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST_F(ImageFolderTest, ReportsTheFirstBadFileWhateverTheThreadsDo) {
  for (int i = 0; i < 200; ++i) Png("train/cat/more" + std::to_string(i) + ".png", 1);
  WritePlain(folder_.File("train/ant/2.png"), "damaged");
  WritePlain(folder_.File("train/cat/2.png"), "damaged");
  WritePlain(folder_.File("train/cat/more50.png"), "damaged");
  for (int run = 0; run < 20; ++run) {
    EXPECT_THAT(Error(Split::kTraining), HasSubstr(folder_.File("train/ant/2.png") + ":"));
  }
}

TEST_F(ImageFolderTest, NamesAMissingFolder) {
  Remove("val");
  EXPECT_THAT(Error(Split::kValidation),
              AllOf(HasSubstr(folder_.File("val")), HasSubstr("No such file"),
                    HasSubstr("DIR/val/CLASS"), HasSubstr("--data-dir")));
  Remove("train");
  EXPECT_THAT(Error(Split::kTraining), HasSubstr(folder_.File("train")));
}

TEST_F(ImageFolderTest, WantsClassFolders) {
  for (const char* name : {"train/ant", "train/bee", "train/cat"}) Remove(name);
  Png("train/1.png", 0);
  EXPECT_THAT(Error(Split::kTraining),
              AllOf(HasSubstr("expected at least 2 class folders, got 0"), HasSubstr("DIR/train")));
}

TEST_F(ImageFolderTest, NamesAClassWithoutTrainingImages) {
  Remove("train/bee/1.png");
  EXPECT_THAT(Error(Split::kTraining),
              AllOf(HasSubstr(folder_.File("train/bee")), HasSubstr("got none")));
}

TEST_F(ImageFolderTest, NamesAValidationClassThatIsNotTrained) {
  Png("val/dog/1.png", 0);
  EXPECT_THAT(Error(Split::kValidation),
              AllOf(HasSubstr(folder_.File("val/dog")), HasSubstr("'dog'")));
}

TEST_F(ImageFolderTest, NamesAValidationFolderWithoutImages) {
  Remove("val/ant/1.png");
  Remove("val/cat");
  EXPECT_THAT(Error(Split::kValidation), HasSubstr("expected images, got none"));
}

}  // namespace
}  // namespace ronde
