#include "frontends/torch/tree_sum.h"

#include <cstddef>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

void CheckAlike(const at::Tensor& summand, const at::Tensor& first) {
  if (summand.sizes() == first.sizes() && summand.strides() == first.strides() &&
      summand.scalar_type() == first.scalar_type()) {
    return;
  }
  throw Error(Status::InvalidArgument(StrCat(
      "TreeSum: expected summands of one shape, strides and dtype, got ", summand.toString(),
      " of ", summand.numel(), " elements after ", first.toString(), " of ", first.numel())));
}

bool IsSet(std::int64_t bits, std::size_t level) { return ((bits >> level) & 1) != 0; }

}  // namespace

// A binary counter: adding a summand carries through the levels that are occupied. The earlier
// block is the left operand, and its memory becomes that of the pair.
void TreeSum::Add(const at::Tensor& summand) {
  const torch::NoGradGuard no_grad;
  if (!levels_.empty()) CheckAlike(summand, levels_.front());
  std::size_t level = 0;
  for (; IsSet(count_, level); ++level) {
    levels_[level].add_(level == 0 ? summand : levels_[level - 1]);
  }
  if (level == levels_.size()) levels_.push_back(at::empty_like(summand.detach()));
  if (level == 0) {
    levels_[0].copy_(summand);
  } else {
    std::swap(levels_[level], levels_[level - 1]);
  }
  ++count_;
}

at::Tensor TreeSum::Finish() {
  if (count_ == 0) throw Error(Status::InvalidArgument("TreeSum: nothing was added"));
  const torch::NoGradGuard no_grad;
  at::Tensor sum;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (!IsSet(count_, level)) continue;
    sum = sum.defined() ? levels_[level].add_(sum) : levels_[level];
  }
  count_ = 0;
  return sum;
}

}  // namespace ronde
