#include "frontends/resnet/data/sampler.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace ronde {
namespace {

std::vector<std::int64_t> AllShards(const TrainingSampler& sampler, int epoch, int workers) {
  std::vector<std::int64_t> all;
  for (int worker = 0; worker < workers; ++worker) {
    const std::vector<std::int64_t> shard = sampler.Shard(epoch, worker);
    all.insert(all.end(), shard.begin(), shard.end());
  }
  return all;
}

TEST(TrainingSampler, GivesDisjointShardsAndDropsTheRemainder) {
  for (const int workers : {1, 2, 3, 7}) {
    const TrainingSampler sampler(1003, workers, 8, 1);
    EXPECT_EQ(sampler.steps(), 1003 / (workers * 8));
    const std::vector<std::int64_t> all = AllShards(sampler, 1, workers);
    const std::set<std::int64_t> distinct(all.begin(), all.end());
    EXPECT_EQ(all.size(), static_cast<std::size_t>(sampler.steps() * workers * 8));
    EXPECT_EQ(distinct.size(), all.size());
    EXPECT_GE(*distinct.begin(), 0);
    EXPECT_LT(*distinct.rbegin(), 1003);
  }
}

TEST(TrainingSampler, ReshufflesEveryEpochAndDropsOtherImages) {
  const TrainingSampler sampler(100, 2, 8, 1);  // 6 steps, 4 images dropped
  const std::vector<std::int64_t> first = AllShards(sampler, 1, 2);
  const std::vector<std::int64_t> second = AllShards(sampler, 2, 2);
  EXPECT_NE(first, second);
  EXPECT_NE(std::set(first.begin(), first.end()), std::set(second.begin(), second.end()));
  EXPECT_EQ(first, AllShards(sampler, 1, 2));
  EXPECT_NE(first, AllShards(TrainingSampler(100, 2, 8, 2), 1, 2));
}

TEST(TrainingSampler, MakesTheSameGlobalBatchForEveryNumberOfWorkers) {
  const TrainingSampler two(100, 2, 8, 1);
  const TrainingSampler four(100, 4, 4, 1);
  const auto first_batch = [](const TrainingSampler& sampler, int workers, int batch_size) {
    std::set<std::int64_t> images;
    for (int worker = 0; worker < workers; ++worker) {
      const std::vector<std::int64_t> shard = sampler.Shard(3, worker);
      images.insert(shard.begin(), shard.begin() + batch_size);
    }
    return images;
  };
  EXPECT_EQ(first_batch(two, 2, 8), first_batch(four, 4, 4));
}

TEST(TrainingSampler, InterleavesTheShardsOfWorkersThatTrainInTurn) {
  const TrainingSampler sampler(103, 6, 4, 1);
  const std::vector<std::int64_t> both = sampler.Shard(2, 2, 2);
  ASSERT_EQ(both.size(), static_cast<std::size_t>(2 * 4 * sampler.steps()));
  for (const int worker : {0, 1}) {
    std::vector<std::int64_t> images;
    for (auto batch = both.begin() + worker * 4; batch < both.end(); batch += 8) {
      images.insert(images.end(), batch, batch + 4);
    }
    EXPECT_EQ(images, sampler.Shard(2, 2 + worker));
  }
}

TEST(TrainingSampler, HasNoStepWhereImagesDoNotFillOne) {
  const TrainingSampler sampler(15, 2, 8, 1);
  EXPECT_EQ(sampler.steps(), 0);
  EXPECT_TRUE(sampler.Shard(1, 0).empty());
}

TEST(TrainingSampler, ShufflesWithoutFavouringAPlace) {
  // Image 0 should come first in about 1/10 of the epochs.
  const TrainingSampler sampler(10, 1, 10, 7);
  int first = 0;
  for (int epoch = 1; epoch <= 2000; ++epoch) first += sampler.Shard(epoch, 0)[0] == 0 ? 1 : 0;
  EXPECT_GT(first, 140);
  EXPECT_LT(first, 260);
}

TEST(ValidationShard, CountsEveryImageExactlyOnce) {
  for (const int workers : {1, 2, 3, 8}) {
    std::vector<std::int64_t> all;
    for (int worker = 0; worker < workers; ++worker) {
      const std::vector<std::int64_t> shard = ValidationShard(101, workers, worker, 8);
      all.insert(all.end(), shard.begin(), shard.end());
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t> expected(101);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected);
  }
}

TEST(ValidationShard, IsEmptyForMoreWorkersThanImages) {
  EXPECT_TRUE(ValidationShard(2, 3, 2, 1).empty());
}

TEST(ValidationShard, ConsistsOfWholeBatchesOfTheOrderOfImages) {
  EXPECT_EQ(ValidationShard(11, 2, 0, 4), (std::vector<std::int64_t>{0, 1, 2, 3, 8, 9, 10}));
  EXPECT_EQ(ValidationShard(11, 2, 1, 4), (std::vector<std::int64_t>{4, 5, 6, 7}));
}

}  // namespace
}  // namespace ronde
