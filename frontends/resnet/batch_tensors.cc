#include "frontends/resnet/batch_tensors.h"

namespace ronde {

BatchTensors ToTensors(const Batch& batch, const DatasetTraits& traits) {
  // from_blob takes mutable memory; nothing writes to it.
  auto* pixels = const_cast<float*>(batch.pixels.data());
  auto* labels = const_cast<std::int64_t*>(batch.labels.data());
  const torch::Tensor images = torch::from_blob(
      pixels, {batch.count, traits.height, traits.width, traits.channels}, torch::kFloat32);
  return {images.permute({0, 3, 1, 2}), torch::from_blob(labels, {batch.count}, torch::kInt64)};
}

void AddBatch(MetricSums& sums, double mean_loss, const torch::Tensor& logits,
              const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  const auto images = static_cast<double>(labels.size(0));
  sums.loss += mean_loss * images;
  sums.correct += logits.argmax(1).eq(labels).sum().item<double>();
  sums.images += images;
}

}  // namespace ronde
