#include "frontends/resnet/batch_tensors.h"

namespace ronde {
namespace {

torch::Tensor Borrow(void* data, at::IntArrayRef sizes, at::ScalarType type, at::Device place) {
  return at::for_blob(data, sizes)
      .options(at::dtype(type).device(place))
      .target_device(place)  // or libtorch asks the driver whose memory it is
      .make_tensor();
}

}  // namespace

BatchTensors ToTensors(const Batch& batch, const DatasetTraits& traits) {
  // from_blob takes mutable memory; nothing writes to it.
  auto* pixels = const_cast<float*>(batch.pixels.data());
  auto* labels = const_cast<std::int64_t*>(batch.labels.data());
  return ToTensors(pixels, labels, batch.count, traits, at::kCPU);
}

BatchTensors ToTensors(float* pixels, std::int64_t* labels, std::int64_t count,
                       const DatasetTraits& traits, at::Device place) {
  const torch::Tensor images =
      Borrow(pixels, {count, traits.height, traits.width, traits.channels}, at::kFloat, place);
  return {images.permute({0, 3, 1, 2}), Borrow(labels, {count}, at::kLong, place)};
}

void AddBatch(MetricSums& sums, double mean_loss, const torch::Tensor& logits,
              const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  const auto images = static_cast<double>(labels.size(0));
  sums.loss += mean_loss * images;
  sums.correct += logits.argmax(1).eq(labels).sum().item<double>();
  sums.images += images;
}

void AddValidationBatch(ValidationSums& sums, std::int64_t batch, double mean_loss,
                        const torch::Tensor& logits, const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  AddBatch(sums.all, mean_loss, logits, labels);
  sums.batch_losses[static_cast<std::size_t>(batch)] +=
      mean_loss * static_cast<double>(labels.size(0));
  const torch::Tensor hits = logits.argmax(1).eq(labels).contiguous();
  const auto* hit = hits.const_data_ptr<bool>();
  const auto* label = labels.const_data_ptr<std::int64_t>();  // contiguous: see ToTensors
  for (std::int64_t i = 0; i < labels.size(0); ++i) {
    const auto of_class = static_cast<std::size_t>(label[i]);
    sums.class_images[of_class] += 1;
    sums.class_correct[of_class] += hit[i] ? 1 : 0;
  }
  if (!sums.has_top5()) return;
  const torch::Tensor best = std::get<1>(logits.topk(kTopFive, 1));
  sums.correct_top5 += best.eq(labels.unsqueeze(1)).sum().item<double>();
}

}  // namespace ronde
