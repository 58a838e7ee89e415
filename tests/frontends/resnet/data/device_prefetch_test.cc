#include "frontends/resnet/data/device_prefetch.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "core/device/simulated_device.h"
#include "frontends/resnet/data/pinned_memory.h"

namespace ronde {
namespace {

constexpr std::int64_t kBatch = 8;

class DevicePrefetchTest : public testing::TestWithParam<int> {
 protected:
  DevicePrefetchTest() {
    DatasetRequest request;
    request.name = "synthetic";
    request.limit = 90;
    dataset_ = LoadDataset(request).value();
    indices_.resize(90);
    std::iota(indices_.begin(), indices_.end(), 0);
  }

  // The pixels of all batches, as a stream sees them that works late.
  std::vector<float> ReadThrough(SimulatedDevice& device, bool with_prefetch) {
    PinnedMemory pinned(device);
    BatchLoader loader(*dataset_, indices_, kBatch, AugmentationSeed{1, 1},
                       {.threads = GetParam(), .memory = &pinned});
    const std::int64_t pixels = dataset_->traits().pixels();
    const Stream stream = Stream::Create(device, StreamPriority::kDefault).value();
    auto prefetch = DevicePrefetch::Create(device, loader, kBatch, pixels).value();
    std::vector<float> seen(indices_.size() * static_cast<std::size_t>(pixels));
    std::vector<std::int64_t> labels(indices_.size());
    std::size_t images = 0;
    while (const DeviceBatch* batch = prefetch->Next(stream.view()).value()) {
      const auto count = static_cast<std::size_t>(batch->count);
      EXPECT_TRUE(device.Owns(batch->pixels));
      EXPECT_TRUE(device
                      .Copy(seen.data() + images * static_cast<std::size_t>(pixels), batch->pixels,
                            count * static_cast<std::size_t>(pixels) * sizeof(float),
                            stream.view().native)
                      .ok());
      EXPECT_TRUE(device
                      .Copy(labels.data() + images, batch->labels, count * sizeof(std::int64_t),
                            stream.view().native)
                      .ok());
      images += count;
      if (with_prefetch) {
        EXPECT_TRUE(prefetch->Prefetch().ok());
      }
    }
    EXPECT_EQ(images, indices_.size());
    EXPECT_TRUE(device.Synchronize(stream.view().native, Deadline::After(30)).ok());
    for (std::size_t i = 0; i < images; ++i) {
      EXPECT_EQ(labels[i], dataset_->Label(static_cast<std::int64_t>(i)));
    }
    return seen;
  }

  std::vector<float> ReadOnHost() {
    std::vector<float> seen;
    BatchLoader loader(*dataset_, indices_, kBatch, AugmentationSeed{1, 1});
    while (const Batch* batch = loader.Next()) {
      seen.insert(seen.end(), batch->pixels.begin(), batch->pixels.end());
    }
    return seen;
  }

  std::unique_ptr<Dataset> dataset_;
  std::vector<std::int64_t> indices_;
};

TEST_P(DevicePrefetchTest, DeliversTheLoadersBatchesHoweverSlowTheDevice) {
  const std::vector<float> expected = ReadOnHost();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    SimulatedDevice device({.delay_seed = seed, .longest_delay_us = 2000});
    EXPECT_EQ(ReadThrough(device, true), expected) << "seed " << seed;
    EXPECT_EQ(ReadThrough(device, false), expected) << "seed " << seed;
  }
}

TEST_P(DevicePrefetchTest, CanBeLeftBeforeTheEnd) {
  SimulatedDevice device({.delay_seed = 1});
  PinnedMemory pinned(device);
  {
    BatchLoader loader(*dataset_, indices_, kBatch, std::nullopt,
                       {.threads = GetParam(), .memory = &pinned});
    const Stream stream = Stream::Create(device, StreamPriority::kDefault).value();
    auto prefetch =
        DevicePrefetch::Create(device, loader, kBatch, dataset_->traits().pixels()).value();
    EXPECT_NE(prefetch->Next(stream.view()).value(), nullptr);
    EXPECT_TRUE(prefetch->Prefetch().ok());
  }
}

TEST_P(DevicePrefetchTest, SaysWhenMemoryIsShort) {
  SimulatedDevice device({.memory_bytes = 1 << 16});
  BatchLoader loader(*dataset_, indices_, kBatch, std::nullopt);
  const auto prefetch = DevicePrefetch::Create(device, loader, kBatch, dataset_->traits().pixels());
  EXPECT_EQ(prefetch.status().code(), StatusCode::kUnavailable);
}

INSTANTIATE_TEST_SUITE_P(Threads, DevicePrefetchTest, testing::Values(1, 3));

TEST(PinnedMemory, GivesTheSameAgain) {
  SimulatedDevice device;
  PinnedMemory pinned(device);
  void* const first = pinned.allocate(1000);
  pinned.deallocate(first, 1000);
  void* const smaller = pinned.allocate(500);
  EXPECT_NE(smaller, first);
  EXPECT_EQ(pinned.allocate(1000), first);
  pinned.deallocate(first, 1000);
  pinned.deallocate(smaller, 500);
}

}  // namespace
}  // namespace ronde
