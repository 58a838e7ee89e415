#include "frontends/resnet/data/cifar.h"

#include <array>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/resnet/data/idx_files.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The planes of a record: red 1, green 2, blue 3 but for the last pixel, which is 7, 8, 9.
std::string Record(const std::string& labels) {
  std::string bytes = labels;
  for (int plane = 0; plane < 3; ++plane) {
    bytes += std::string(1023, static_cast<char>(1 + plane));
    bytes += static_cast<char>(7 + plane);
  }
  return bytes;
}

class CifarTest : public testing::Test {
 protected:
  // One image per file; the label says which.
  void WriteCifar10() {
    for (int i = 1; i <= 5; ++i) {
      WritePlain(Batch(i), Record(std::string(1, static_cast<char>(i))));
    }
    WritePlain(folder_.File("test_batch.bin"), Record({9}) + Record({0}));
  }
  [[nodiscard]] std::string Batch(int i) const {
    return folder_.File("data_batch_" + std::to_string(i) + ".bin");
  }
  [[nodiscard]] std::unique_ptr<Dataset> Load(CifarKind kind, Split split,
                                              std::int64_t limit = 0) const {
    auto dataset = LoadCifar(kind, folder_.path(), split, limit);
    EXPECT_TRUE(dataset.ok()) << dataset.status().message();
    return std::move(dataset).value();
  }
  [[nodiscard]] std::string Error(CifarKind kind, Split split) const {
    const auto dataset = LoadCifar(kind, folder_.path(), split, 0);
    EXPECT_FALSE(dataset.ok());
    EXPECT_EQ(dataset.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(dataset.status().message().find('\n'), std::string::npos);
    return dataset.status().message();
  }

  TemporaryFolder folder_;
};

TEST_F(CifarTest, JoinsTheFiveTrainingFilesInOrder) {
  WriteCifar10();
  const auto training = Load(CifarKind::kCifar10, Split::kTraining);
  ASSERT_EQ(training->size(), 5);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(training->Label(i), i + 1);
  EXPECT_EQ(training->traits().classes, 10);
  EXPECT_EQ(Load(CifarKind::kCifar10, Split::kTraining, 2)->size(), 2);
  const auto validation = Load(CifarKind::kCifar10, Split::kValidation);
  ASSERT_EQ(validation->size(), 2);
  EXPECT_EQ(validation->Label(0), 9);
}

TEST_F(CifarTest, InterleavesThePlanes) {
  WriteCifar10();
  std::array<std::uint8_t, 3072> image = {};
  Load(CifarKind::kCifar10, Split::kValidation)->ReadImage(1, image);
  EXPECT_EQ(std::vector<int>(image.begin(), image.begin() + 6),
            (std::vector<int>{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(std::vector<int>(image.end() - 6, image.end()), (std::vector<int>{1, 2, 3, 7, 8, 9}));
}

TEST_F(CifarTest, TakesTheFineLabelOfCifar100) {
  WritePlain(folder_.File("train.bin"), Record({19, 99}) + Record({3, 42}));
  const auto training = Load(CifarKind::kCifar100, Split::kTraining);
  ASSERT_EQ(training->size(), 2);
  EXPECT_EQ(training->Label(0), 99);
  EXPECT_EQ(training->Label(1), 42);
  EXPECT_EQ(training->traits().classes, 100);
}

TEST_F(CifarTest, SaysWhereToGetAMissingFile) {
  WriteCifar10();
  std::filesystem::remove(Batch(4));
  EXPECT_THAT(Error(CifarKind::kCifar10, Split::kTraining),
              AllOf(HasSubstr(Batch(4)), HasSubstr("No such file"),
                    HasSubstr("cifar-10-binary.tar.gz"), HasSubstr("--data-dir")));
}

TEST_F(CifarTest, NamesATruncatedFile) {
  WriteCifar10();
  std::filesystem::resize_file(Batch(2), 3000);
  EXPECT_THAT(Error(CifarKind::kCifar10, Split::kTraining),
              AllOf(HasSubstr(Batch(2)), HasSubstr("truncated"), HasSubstr("multiple of 3073"),
                    HasSubstr("got 3000")));
  WritePlain(Batch(2), "");
  EXPECT_THAT(Error(CifarKind::kCifar10, Split::kTraining), HasSubstr("got 0"));
}

TEST_F(CifarTest, NamesLabelsOutOfRange) {
  WriteCifar10();
  WritePlain(folder_.File("test_batch.bin"), Record({9}) + Record({10}));
  EXPECT_THAT(Error(CifarKind::kCifar10, Split::kValidation),
              AllOf(HasSubstr("test_batch.bin"), HasSubstr("label 10 of image 1"),
                    HasSubstr("expected 0 to 9")));
  WritePlain(folder_.File("test.bin"), Record({20, 1}));
  EXPECT_THAT(Error(CifarKind::kCifar100, Split::kValidation), HasSubstr("expected 0 to 19"));
  WritePlain(folder_.File("test.bin"), Record({1, 100}));
  EXPECT_THAT(Error(CifarKind::kCifar100, Split::kValidation), HasSubstr("expected 0 to 99"));
}

}  // namespace
}  // namespace ronde
