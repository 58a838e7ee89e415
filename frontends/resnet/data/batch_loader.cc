#include "frontends/resnet/data/batch_loader.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "frontends/resnet/data/augmentation.h"

namespace ronde {
namespace {

constexpr std::int64_t kBatchesAhead = 4;

}  // namespace

BatchLoader::BatchLoader(const Dataset& dataset, std::vector<std::int64_t> indices,
                         std::int64_t batch_size, std::optional<AugmentationSeed> augmentation)
    : dataset_(dataset),
      indices_(std::move(indices)),
      batch_size_(batch_size),
      augmentation_(augmentation),
      image_(static_cast<std::size_t>(dataset.traits().pixels())),
      ring_(static_cast<std::size_t>(kBatchesAhead)),
      thread_([this] { Produce(); }) {}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::int64_t BatchLoader::batch_count() const {
  return (static_cast<std::int64_t>(indices_.size()) + batch_size_ - 1) / batch_size_;
}

const Batch* BatchLoader::Next() {
  std::unique_lock lock(mutex_);
  released_ = taken_;
  changed_.notify_all();
  if (taken_ == batch_count()) return nullptr;
  changed_.wait(lock, [this] { return produced_ > taken_; });
  return &ring_[static_cast<std::size_t>(taken_++ % kBatchesAhead)];
}

void BatchLoader::Produce() {
  for (std::int64_t batch = 0; batch < batch_count(); ++batch) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || batch - released_ < kBatchesAhead; });
      if (stopping_) return;
    }
    Fill(ring_[static_cast<std::size_t>(batch % kBatchesAhead)], batch * batch_size_);
    {
      const std::lock_guard lock(mutex_);
      produced_ = batch + 1;
    }
    changed_.notify_all();
  }
}

void BatchLoader::Fill(Batch& batch, std::int64_t first) {
  const DatasetTraits& traits = dataset_.traits();
  const auto pixels = static_cast<std::size_t>(traits.pixels());
  const auto total = static_cast<std::int64_t>(indices_.size());
  batch.count = std::min(batch_size_, total - first);
  batch.pixels.resize(static_cast<std::size_t>(batch.count) * pixels);
  batch.labels.resize(static_cast<std::size_t>(batch.count));
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    const std::int64_t index = indices_[static_cast<std::size_t>(first) + i];
    batch.labels[i] = dataset_.Label(index);
    dataset_.ReadImage(index, image_);
    Augmentation augmentation;
    if (augmentation_) {
      augmentation = DrawAugmentation(traits, augmentation_->seed, augmentation_->epoch, index);
    }
    Normalize(traits, image_, augmentation, {batch.pixels.data() + i * pixels, pixels});
  }
}

}  // namespace ronde
