#include "frontends/resnet/batch_feed.h"

#include <utility>

#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/error.h"

namespace ronde {

BatchFeed::BatchFeed(const ComputePlace& place, const Dataset& dataset,
                     std::vector<std::int64_t> indices, std::int64_t batch_size,
                     std::optional<AugmentationSeed> augmentation)
    : device_(place.device),
      traits_(dataset.traits()),
      loader_(dataset, std::move(indices), batch_size, augmentation, place.loader()) {
  if (!place.on_device()) return;
  auto prefetch =
      DevicePrefetch::Create(DeviceOf(device_).device(), loader_, batch_size, traits_.pixels());
  ThrowIfError(prefetch.status());
  prefetch_ = std::move(prefetch).value();
}

const FedBatch* BatchFeed::Next() {
  if (prefetch_ != nullptr) return NextOnDevice();
  const Batch* const batch = loader_.Next();
  if (batch == nullptr) return nullptr;
  batch_ = {ToTensors(*batch, traits_), batch->labels};
  return &batch_;
}

const FedBatch* BatchFeed::NextOnDevice() {
  const auto next = prefetch_->Next(DeviceOf(device_).CurrentStream());
  ThrowIfError(next.status());
  const DeviceBatch* const batch = next.value();
  if (batch == nullptr) return nullptr;
  batch_ = {ToTensors(batch->pixels, batch->labels, batch->count, traits_, device_), {}};
  return &batch_;
}

void BatchFeed::Prefetch() {
  if (prefetch_ != nullptr) ThrowIfError(prefetch_->Prefetch());
}

}  // namespace ronde
