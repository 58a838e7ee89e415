#include "frontends/resnet/data/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/resnet/data/idx_files.h"
#include "tests/frontends/resnet/data/image_files.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void ExpectPixel(const RgbImage& image, std::size_t pixel, std::vector<int> expected, int within) {
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(image.pixels[3 * pixel + c], expected[c], within) << "channel " << c;
  }
}

RgbImage Read(const std::string& path, int shortest_side = 1000) {
  Result<RgbImage> image = ReadImageFile(path, shortest_side);
  EXPECT_TRUE(image.ok()) << image.status().message();
  return image.ok() ? std::move(image).value() : RgbImage{};
}

std::string ErrorOf(const std::string& path) {
  const Result<RgbImage> image = ReadImageFile(path, 32);
  EXPECT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(image.status().message().find('\n'), std::string::npos);
  EXPECT_THAT(image.status().message(), HasSubstr(path));
  return image.status().message();
}

class ImageFileTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(ImageFileTest, ReadsPngExactly) {
  std::vector<std::uint8_t> pixels = PlainColour(2, 3, 10, 20, 30);
  pixels[15] = 200;  // red of the last pixel
  WritePng(folder_.File("a.png"), 2, 3, pixels);
  const RgbImage image = Read(folder_.File("a.png"));
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.pixels, pixels);
}

TEST_F(ImageFileTest, ReadsJpegClosely) {
  WriteJpeg(folder_.File("a.jpg"), 20, 30, PlainColour(20, 30, 200, 100, 50));
  const RgbImage image = Read(folder_.File("a.jpg"));
  EXPECT_EQ(image.height, 20);
  EXPECT_EQ(image.width, 30);
  ExpectPixel(image, 0, {200, 100, 50}, 3);
  ExpectPixel(image, 599, {200, 100, 50}, 3);
}

TEST_F(ImageFileTest, MakesGreyColourAndTransparencyBlack) {
  WritePng(folder_.File("grey.png"), 1, 1, {77}, PNG_FORMAT_GRAY);
  ExpectPixel(Read(folder_.File("grey.png")), 0, {77, 77, 77}, 0);
  WritePng(folder_.File("clear.png"), 1, 2, {9, 8, 7, 255, 200, 200, 200, 0}, PNG_FORMAT_RGBA);
  const RgbImage clear = Read(folder_.File("clear.png"));
  ExpectPixel(clear, 0, {9, 8, 7}, 0);
  ExpectPixel(clear, 1, {0, 0, 0}, 0);
  WriteJpeg(folder_.File("grey.jpg"), 8, 8, PlainColour(8, 8, 90, 90, 90), TJSAMP_GRAY);
  ExpectPixel(Read(folder_.File("grey.jpg")), 0, {90, 90, 90}, 2);
}

TEST_F(ImageFileTest, DecodesAJpegNoLargerThanNeeded) {
  WriteJpeg(folder_.File("a.jpg"), 256, 512, PlainColour(256, 512, 200, 100, 50));
  const RgbImage image = Read(folder_.File("a.jpg"), 32);
  EXPECT_EQ(image.height, 32);
  EXPECT_EQ(image.width, 64);
  ExpectPixel(image, 0, {200, 100, 50}, 3);
  EXPECT_EQ(Read(folder_.File("a.jpg"), 1000).height, 256);
}

TEST_F(ImageFileTest, TheContentsSayWhichKindItIs) {
  WritePng(folder_.File("misnamed.jpg"), 1, 1, {1, 2, 3});
  ExpectPixel(Read(folder_.File("misnamed.jpg")), 0, {1, 2, 3}, 0);
}

TEST_F(ImageFileTest, NamesFilesThatAreNoImages) {
  EXPECT_THAT(ErrorOf(folder_.File("absent.png")), HasSubstr("No such file"));
  WritePlain(folder_.File("text.jpg"), "hello");
  EXPECT_THAT(ErrorOf(folder_.File("text.jpg")),
              AllOf(HasSubstr("expected a JPEG or PNG image"), HasSubstr("5 bytes")));
  WritePlain(folder_.File("empty.png"), "");
  EXPECT_THAT(ErrorOf(folder_.File("empty.png")), HasSubstr("0 bytes"));
}

TEST_F(ImageFileTest, NamesTruncatedFilesWhereverTheyEnd) {
  std::vector<std::uint8_t> pixels(64 * 64 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i >> 4);
  for (const char* name : {"a.png", "a.jpg"}) {
    const std::string path = folder_.File(name);
    for (const double part : {0.02, 0.3, 0.9}) {
      if (path.ends_with("png")) {
        WritePng(path, 64, 64, pixels);
      } else {
        WriteJpeg(path, 64, 64, pixels);
      }
      const auto size = static_cast<double>(std::filesystem::file_size(path));
      std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size * part));
      EXPECT_THAT(ErrorOf(path), HasSubstr("cannot be decoded")) << part;
    }
  }
}

TEST(HasImageExtension, KnowsJpegAndPngInAnyCase) {
  for (const char* name : {"a.jpg", "b.JPEG", "c.d.Png"}) EXPECT_TRUE(HasImageExtension(name));
  for (const char* name : {"a.gif", "jpg", ".png", "a.jpg.txt"}) {
    EXPECT_FALSE(HasImageExtension(name)) << name;
  }
}

}  // namespace
}  // namespace ronde
