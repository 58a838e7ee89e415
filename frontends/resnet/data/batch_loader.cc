#include "frontends/resnet/data/batch_loader.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "frontends/resnet/data/augmentation.h"

namespace ronde {
namespace {

constexpr std::int64_t kBatchesAhead = 4;
// Of a batch that several threads share: enough to make up for the hand-over.
constexpr std::int64_t kSharedStretch = 8;

}  // namespace

BatchLoader::BatchLoader(const Dataset& dataset, std::vector<std::int64_t> indices,
                         std::int64_t batch_size, std::optional<AugmentationSeed> augmentation,
                         const LoaderResources& resources)
    : dataset_(dataset),
      indices_(std::move(indices)),
      batch_size_(batch_size),
      augmentation_(augmentation),
      stretch_(resources.threads == 1 ? batch_size : kSharedStretch),
      missing_(static_cast<std::size_t>(kBatchesAhead)) {
  const auto images = static_cast<std::size_t>(std::min(batch_size, total()));
  for (std::int64_t i = 0; i < kBatchesAhead; ++i) {
    Batch& batch = ring_.emplace_back(resources.memory);
    if (i >= batch_count()) continue;
    // Here, where there is a caller to hear that memory is short.
    batch.pixels.reserve(images * static_cast<std::size_t>(dataset.traits().pixels()));
    batch.labels.reserve(images);
  }
  for (int i = 0; i < resources.threads; ++i) threads_.emplace_back([this] { Produce(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::int64_t BatchLoader::batch_count() const { return (total() + batch_size_ - 1) / batch_size_; }

Batch& BatchLoader::SlotOf(std::int64_t batch) {
  return ring_[static_cast<std::size_t>(batch % kBatchesAhead)];
}

const Batch* BatchLoader::Next() {
  std::unique_lock lock(mutex_);
  released_ = taken_;
  changed_.notify_all();
  if (taken_ == batch_count()) return nullptr;
  changed_.wait(lock, [this] { return produced_ > taken_; });
  return &SlotOf(taken_++);
}

void BatchLoader::Produce() {
  std::vector<std::uint8_t> image(static_cast<std::size_t>(dataset_.traits().pixels()));
  while (const std::optional<Stretch> stretch = Claim()) {
    Fill(*stretch, image);
    Finish(*stretch);
  }
}

// Nothing: there is no more to do.
std::optional<BatchLoader::Stretch> BatchLoader::Claim() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return stopping_ || claimed_ == total() || claimed_ / batch_size_ - released_ < kBatchesAhead;
  });
  if (stopping_ || claimed_ == total()) return std::nullopt;
  const std::int64_t number = claimed_ / batch_size_;
  const std::int64_t begin = number * batch_size_;
  const std::int64_t end = std::min(begin + batch_size_, total());
  if (claimed_ == begin) {
    Batch& batch = SlotOf(number);
    batch.count = end - begin;
    batch.pixels.resize(static_cast<std::size_t>(batch.count * dataset_.traits().pixels()));
    batch.labels.resize(static_cast<std::size_t>(batch.count));
    missing_[static_cast<std::size_t>(number % kBatchesAhead)] = batch.count;
  }
  const Stretch stretch = {claimed_, std::min(stretch_, end - claimed_)};
  claimed_ += stretch.count;
  return stretch;
}

void BatchLoader::Finish(const Stretch& stretch) {
  {
    const std::lock_guard lock(mutex_);
    missing_[static_cast<std::size_t>(stretch.first / batch_size_ % kBatchesAhead)] -=
        stretch.count;
    // A batch whose successor is ready first waits for no one: it is counted with it.
    while (produced_ * batch_size_ < claimed_ &&
           missing_[static_cast<std::size_t>(produced_ % kBatchesAhead)] == 0) {
      ++produced_;
    }
  }
  changed_.notify_all();
}

void BatchLoader::Fill(const Stretch& stretch, std::vector<std::uint8_t>& image) {
  const DatasetTraits& traits = dataset_.traits();
  const auto pixels = static_cast<std::size_t>(traits.pixels());
  Batch& batch = SlotOf(stretch.first / batch_size_);
  for (std::int64_t number = stretch.first; number < stretch.first + stretch.count; ++number) {
    const auto i = static_cast<std::size_t>(number % batch_size_);
    const std::int64_t index = indices_[static_cast<std::size_t>(number)];
    batch.labels[i] = dataset_.Label(index);
    dataset_.ReadImage(index, image);
    Augmentation augmentation;
    if (augmentation_) {
      augmentation = DrawAugmentation(traits, augmentation_->seed, augmentation_->epoch, index);
    }
    Normalize(traits, image, augmentation, {batch.pixels.data() + i * pixels, pixels});
  }
}

}  // namespace ronde
