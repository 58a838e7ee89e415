#include "frontends/resnet/data/batch_loader.h"

#include <numeric>

#include <gtest/gtest.h>

namespace ronde {
namespace {

std::unique_ptr<Dataset> TinyDataset(std::int64_t size) {
  DatasetRequest request;
  request.name = "synthetic";
  request.limit = size;
  return LoadDataset(request).value();
}

std::vector<std::int64_t> Indices(std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

TEST(BatchLoader, DeliversAllImagesInOrderAndASmallerLastBatch) {
  const auto dataset = TinyDataset(100);
  BatchLoader loader(*dataset, Indices(100), 8, std::nullopt);
  std::int64_t seen = 0;
  while (const Batch* batch = loader.Next()) {
    EXPECT_EQ(batch->count, seen == 96 ? 4 : 8);
    EXPECT_EQ(batch->pixels.size(), static_cast<std::size_t>(batch->count * 3 * 32 * 32));
    for (const std::int64_t label : batch->labels) EXPECT_EQ(label, dataset->Label(seen++));
  }
  EXPECT_EQ(seen, 100);
  EXPECT_EQ(loader.Next(), nullptr);
}

TEST(BatchLoader, GivesTheSamePixelsForTheSameSeed) {
  const auto dataset = TinyDataset(16);
  BatchLoader first(*dataset, Indices(16), 16, AugmentationSeed{1, 3});
  BatchLoader second(*dataset, Indices(16), 16, AugmentationSeed{1, 3});
  BatchLoader other_epoch(*dataset, Indices(16), 16, AugmentationSeed{1, 4});
  const std::pmr::vector<float> pixels = first.Next()->pixels;
  EXPECT_EQ(pixels, second.Next()->pixels);
  EXPECT_NE(pixels, other_epoch.Next()->pixels);
}

TEST(BatchLoader, GivesTheSameBatchesWithAnyNumberOfThreads) {
  const auto dataset = TinyDataset(300);
  BatchLoader one(*dataset, Indices(300), 32, AugmentationSeed{1, 2});
  BatchLoader four(*dataset, Indices(300), 32, AugmentationSeed{1, 2}, {.threads = 4});
  while (const Batch* expected = one.Next()) {
    const Batch* const batch = four.Next();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->count, expected->count);
    EXPECT_EQ(batch->labels, expected->labels);
    EXPECT_EQ(batch->pixels, expected->pixels);
  }
  EXPECT_EQ(four.Next(), nullptr);
}

TEST(BatchLoader, CanBeLeftBeforeItsEnd) {
  const auto dataset = TinyDataset(1000);
  BatchLoader loader(*dataset, Indices(1000), 4, std::nullopt);
  EXPECT_NE(loader.Next(), nullptr);
}

TEST(BatchLoader, HasNothingForNoImages) {
  const auto dataset = TinyDataset(4);
  BatchLoader loader(*dataset, {}, 4, std::nullopt);
  EXPECT_EQ(loader.Next(), nullptr);
}

}  // namespace
}  // namespace ronde
