#pragma once

#include <torch/torch.h>

#include "frontends/resnet/data/batch_loader.h"
#include "frontends/resnet/metrics.h"

namespace ronde {

/// A batch as tensors that borrow its memory: valid as long as the batch is.
struct BatchTensors {
  torch::Tensor images;  ///< [N, C, H, W] in channels-last order
  torch::Tensor labels;  ///< [N], int64
};
[[nodiscard]] BatchTensors ToTensors(const Batch& batch, const DatasetTraits& traits);
/// The same for `count` images and labels that lie on `place`.
[[nodiscard]] BatchTensors ToTensors(float* pixels, std::int64_t* labels, std::int64_t count,
                                     const DatasetTraits& traits, at::Device place);

/// Adds what one batch says: `mean_loss` is the batch's.
void AddBatch(MetricSums& sums, double mean_loss, const torch::Tensor& logits,
              const torch::Tensor& labels);
/// The same for the figures of an evaluation, of which this is batch number `batch`; logits and
/// labels on the CPU. The top five
/// are not looked for where there are no more than five classes.
void AddValidationBatch(ValidationSums& sums, std::int64_t batch, double mean_loss,
                        const torch::Tensor& logits, const torch::Tensor& labels);

}  // namespace ronde
