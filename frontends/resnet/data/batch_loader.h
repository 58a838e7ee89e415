#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// `count` normalised images, channels last (count x height x width x channels), and their labels.
struct Batch {
  explicit Batch(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : pixels(memory), labels(memory) {}

  std::int64_t count = 0;
  std::pmr::vector<float> pixels;
  std::pmr::vector<std::int64_t> labels;
};

/// Which random crops and flips a loader applies.
struct AugmentationSeed {
  std::uint64_t seed = 1;
  int epoch = 1;
};

/// What a loader may use. Batches are the same whatever it is.
struct LoaderResources {
  int threads = 1;  ///< at least 1
  /// Where batches lie; must outlive the loader.
  std::pmr::memory_resource* memory = std::pmr::get_default_resource();
};

/// Prepares batches on background threads, a few ahead of the caller. They run plain loops only: a
/// libtorch operator there would start a second team of OpenMP threads.
/// Thread rule: one caller; the hand-over is guarded by mutex_.
class BatchLoader {
 public:
  /// Batches of `batch_size` over `indices` in their order; the last one may be smaller.
  /// `dataset` must outlive the loader. Throws std::bad_alloc.
  BatchLoader(const Dataset& dataset, std::vector<std::int64_t> indices, std::int64_t batch_size,
              std::optional<AugmentationSeed> augmentation, const LoaderResources& resources = {});
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// The next batch, valid until the next call; nullptr after the last one.
  const Batch* Next();

 private:
  // Images that one thread prepares at a stretch, of one batch.
  struct Stretch {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };

  void Produce();
  [[nodiscard]] std::optional<Stretch> Claim();
  void Fill(const Stretch& stretch, std::vector<std::uint8_t>& image);
  void Finish(const Stretch& stretch);
  [[nodiscard]] std::int64_t batch_count() const;
  [[nodiscard]] std::int64_t total() const { return static_cast<std::int64_t>(indices_.size()); }
  [[nodiscard]] Batch& SlotOf(std::int64_t batch);

  const Dataset& dataset_;
  const std::vector<std::int64_t> indices_;
  const std::int64_t batch_size_;
  const std::optional<AugmentationSeed> augmentation_;
  const std::int64_t stretch_;  // images

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> ring_;            // slot of batch i: i modulo size
  std::vector<std::int64_t> missing_;  // guarded by mutex_: by slot, images still to be prepared
  std::int64_t claimed_ = 0;           // guarded by mutex_: images
  std::int64_t produced_ = 0;          // guarded by mutex_: batches, all before it too
  std::int64_t released_ = 0;          // guarded by mutex_: batches that the caller is done with
  bool stopping_ = false;              // guarded by mutex_
  std::int64_t taken_ = 0;             // caller only
  std::vector<std::thread> threads_;   // last: start when all else is ready
};

}  // namespace ronde
