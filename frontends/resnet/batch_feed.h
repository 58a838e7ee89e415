#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "frontends/resnet/batch_tensors.h"
#include "frontends/resnet/compute_place.h"
#include "frontends/resnet/data/batch_loader.h"
#include "frontends/resnet/data/device_prefetch.h"

namespace ronde {

/// A batch where the model is.
struct FedBatch {
  BatchTensors tensors;
  std::span<const std::int64_t> labels;  ///< the same on the host; empty where the model is not
};

/// A loader's batches as tensors where the model is: borrowed on the CPU, on a device copied there
/// one batch ahead. Errors: Error. Thread rule: one thread.
class BatchFeed {
 public:
  /// As BatchLoader's. `place` and `dataset` must outlive this.
  BatchFeed(const ComputePlace& place, const Dataset& dataset, std::vector<std::int64_t> indices,
            std::int64_t batch_size, std::optional<AugmentationSeed> augmentation);

  /// The next batch, for operators that are called before the next call; null after the last one.
  [[nodiscard]] const FedBatch* Next();
  /// To be called once all work on the present batch has been given to the device: starts to copy
  /// the next. Does nothing on the CPU.
  void Prefetch();

 private:
  const FedBatch* NextOnDevice();

  const at::Device device_;
  const DatasetTraits& traits_;
  BatchLoader loader_;
  std::unique_ptr<DevicePrefetch> prefetch_;  // null on the CPU
  FedBatch batch_;
};

}  // namespace ronde
