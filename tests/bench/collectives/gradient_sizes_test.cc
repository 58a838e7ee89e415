#include "bench/collectives/gradient_sizes.h"

#include <cstdio>
#include <fstream>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde::bench {
namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text)
      : path_(testing::TempDir() + "gradient_sizes_test.txt") {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Tensors and elements as torchvision counts them.
struct Known {
  const char* model;
  std::size_t tensors;
  std::int64_t elements;
};

TEST(GradientCounts, AreTorchvisions) {
  for (const Known& known : {Known{"resnet18", 62, 11689512}, Known{"resnet34", 110, 21797672},
                             Known{"resnet50", 161, 25557032}, Known{"resnet101", 314, 44549160},
                             Known{"resnet152", 467, 60192808}}) {
    const auto counts = GradientCounts(known.model);
    ASSERT_TRUE(counts.ok()) << counts.status().ToString();
    EXPECT_EQ(counts.value().size(), known.tensors) << known.model;
    EXPECT_EQ(std::accumulate(counts.value().begin(), counts.value().end(), std::int64_t{0}),
              known.elements)
        << known.model;
  }
}

TEST(GradientCounts, FollowTheModelsOrder) {
  const auto counts = GradientCounts("resnet50");
  ASSERT_TRUE(counts.ok());
  const std::vector<std::int64_t> first(counts.value().begin(), counts.value().begin() + 15);
  EXPECT_THAT(first, testing::ElementsAre(9408, 64, 64, 4096, 64, 64, 36864, 64, 64, 16384, 256,
                                          256, 16384, 256, 256));
  EXPECT_EQ(counts.value().back(), 1000);
}

TEST(GradientCounts, OfEqualTensorsAreANumberTimesASize) {
  const auto counts = GradientCounts("3x2K");
  ASSERT_TRUE(counts.ok()) << counts.status().ToString();
  EXPECT_THAT(counts.value(), testing::ElementsAre(2048, 2048, 2048));
  for (const char* text : {"0x4", "4x0", "x", "4x", "axb"}) {
    EXPECT_EQ(GradientCounts(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(GradientCounts, ComeFromAFileToo) {
  const TemporaryFile file("3 5\n1000000\n");
  const auto counts = GradientCounts(file.path());
  ASSERT_TRUE(counts.ok()) << counts.status().ToString();
  EXPECT_THAT(counts.value(), testing::ElementsAre(3, 5, 1000000));
}

TEST(GradientCounts, RefuseWhatIsNoListOfPositiveNumbers) {
  for (const char* text : {"", "3 five", "3 0 5", "-1", "99999999999999999999"}) {
    const TemporaryFile file(text);
    const auto counts = GradientCounts(file.path());
    EXPECT_EQ(counts.status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(GradientCounts("resnet51").status().ToString(),
              testing::AllOf(testing::HasSubstr("'resnet51'"), testing::HasSubstr("resnet50")));
}

}  // namespace
}  // namespace ronde::bench
