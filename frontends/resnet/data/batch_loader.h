#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// `count` normalised images, channels last (count x height x width x channels), and their labels.
struct Batch {
  std::int64_t count = 0;
  std::vector<float> pixels;
  std::vector<std::int64_t> labels;
};

/// Which random crops and flips a loader applies.
struct AugmentationSeed {
  std::uint64_t seed = 1;
  int epoch = 1;
};

/// Prepares batches on a background thread, a few ahead of the caller. That thread runs plain
/// loops only: a libtorch operator there would start a second team of OpenMP threads.
/// Thread rule: one caller; the hand-over is guarded by mutex_.
class BatchLoader {
 public:
  /// Batches of `batch_size` over `indices` in their order; the last one may be smaller.
  /// `dataset` must outlive the loader.
  BatchLoader(const Dataset& dataset, std::vector<std::int64_t> indices, std::int64_t batch_size,
              std::optional<AugmentationSeed> augmentation);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// The next batch, valid until the next call; nullptr after the last one.
  const Batch* Next();

 private:
  void Produce();
  void Fill(Batch& batch, std::int64_t first);
  [[nodiscard]] std::int64_t batch_count() const;

  const Dataset& dataset_;
  const std::vector<std::int64_t> indices_;
  const std::int64_t batch_size_;
  const std::optional<AugmentationSeed> augmentation_;
  std::vector<std::uint8_t> image_;  // producer only

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> ring_;    // slot of batch i: i modulo size
  std::int64_t produced_ = 0;  // guarded by mutex_
  std::int64_t released_ = 0;  // guarded by mutex_: batches that the caller is done with
  bool stopping_ = false;      // guarded by mutex_
  std::int64_t taken_ = 0;     // caller only
  std::thread thread_;         // last: starts when all else is ready
};

}  // namespace ronde
