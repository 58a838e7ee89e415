#include "frontends/resnet/data/sampler.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "frontends/resnet/data/random.h"

namespace ronde {
namespace {

// Fisher and Yates.
void Shuffle(std::vector<std::int64_t>& order, Random random) {
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random.Below(left)]);
  }
}

}  // namespace

TrainingSampler::TrainingSampler(std::int64_t images, int workers, std::int64_t batch_size,
                                 std::uint64_t seed)
    : images_(images), workers_(workers), batch_size_(batch_size), seed_(seed) {}

std::vector<std::int64_t> TrainingSampler::Shard(int epoch, int worker, int count) const {
  std::vector<std::int64_t> order(static_cast<std::size_t>(images_));
  std::iota(order.begin(), order.end(), 0);
  Shuffle(order, Random(MixSeed(seed_, epoch)));

  std::vector<std::int64_t> shard;
  const std::int64_t images_per_step = batch_size_ * count;
  shard.reserve(static_cast<std::size_t>(steps() * images_per_step));
  for (std::int64_t step = 0; step < steps(); ++step) {
    const auto first = order.begin() + (step * workers_ + worker) * batch_size_;
    shard.insert(shard.end(), first, first + images_per_step);
  }
  return shard;
}

std::vector<std::int64_t> ValidationShard(std::int64_t images, int ranks, int rank,
                                          std::int64_t batch_size) {
  std::vector<std::int64_t> shard;
  for (std::int64_t first = rank * batch_size; first < images; first += ranks * batch_size) {
    const std::int64_t end = std::min(first + batch_size, images);
    for (std::int64_t image = first; image < end; ++image) shard.push_back(image);
  }
  return shard;
}

}  // namespace ronde
