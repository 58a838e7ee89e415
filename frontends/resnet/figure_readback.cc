#include "frontends/resnet/figure_readback.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace ronde {

void FigureReadback::Take(std::int64_t step, int worker, const torch::Tensor& loss,
                          const torch::Tensor& logits, const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  const at::Device place = loss.device();
  const at::Tensor correct = logits.argmax(1).eq(labels).sum();
  const at::Tensor both = at::stack({loss.detach().to(at::kDouble), correct.to(at::kDouble)});
  if (!host_.defined()) {
    host_ = at::empty({2}, at::dtype(at::kDouble).pinned_memory(!place.is_cpu()));
    if (!place.is_cpu()) arrived_.emplace(place.type());
  }
  host_.copy_(both, /*non_blocking=*/true);
  if (arrived_) arrived_->record(c10::impl::VirtualGuardImpl(place.type()).getStream(place));
  figures_ = {step, worker, labels.size(0)};
  pending_ = true;
}

void FigureReadback::Settle() {
  if (!pending_) return;
  pending_ = false;
  if (arrived_) arrived_->synchronize();
  const double* const values = host_.const_data_ptr<double>();
  figures_.loss = values[0];
  figures_.correct = values[1];
  read_(figures_);
}

}  // namespace ronde
