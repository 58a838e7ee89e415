#pragma once

#include <cstdint>
#include <vector>

namespace ronde {

/// Which images each worker sees. Every epoch is reshuffled from (seed, epoch); step s of the epoch
/// takes the next K*B images of that order, and worker k the k-th B of them, so that the workers'
/// shards are disjoint and the global batch depends only on K*B. The remainder of
/// N mod (K B) images is dropped after the shuffle. Thread rule: immutable.
class TrainingSampler {
 public:
  /// `images` N, `workers` K, per-worker `batch_size` B, all at least 1.
  TrainingSampler(std::int64_t images, int workers, std::int64_t batch_size, std::uint64_t seed);

  /// floor(N / (K B)); 0 where the images do not fill one global batch.
  [[nodiscard]] std::int64_t steps() const { return images_ / (workers_ * batch_size_); }
  /// The images of `worker` (0..K-1) in `epoch`, steps() * B of them, batch after batch. With
  /// `count` those of so many workers from `worker` on, interleaved as they train in turn: each
  /// one's batch of the first step, then each one's of the second, and so on.
  [[nodiscard]] std::vector<std::int64_t> Shard(int epoch, int worker, int count = 1) const;

 private:
  std::int64_t images_;
  std::int64_t workers_;
  std::int64_t batch_size_;
  std::uint64_t seed_;
};

/// The validation images of `rank`: the batches rank, rank + ranks, ... of the images in their
/// order, cut into pieces of `batch_size`; every image exactly once over all ranks, without
/// padding. So a batch has the same images however many ranks there are.
[[nodiscard]] std::vector<std::int64_t> ValidationShard(std::int64_t images, int ranks, int rank,
                                                        std::int64_t batch_size);

}  // namespace ronde
