#include "frontends/torch/flat_gradients.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "frontends/torch/registered_tensor.h"

namespace ronde {
namespace {

bool TakesView(const at::Tensor& parameter) {
  return parameter.requires_grad() && parameter.device().is_cpu() &&
         parameter.layout() == at::kStrided;
}

// Autograd's rule: the parameter's own strides, or rows where those have gaps.
std::vector<std::int64_t> GradientStrides(const at::Tensor& parameter) {
  if (parameter.is_non_overlapping_and_dense()) return parameter.strides().vec();
  return at::empty(parameter.sizes(), at::device(at::kMeta)).strides().vec();
}

}  // namespace

FlatGradients::FlatGradients(std::vector<at::Tensor> parameters, Session* session)
    : parameters_(std::move(parameters)), views_(parameters_.size()) {
  const torch::NoGradGuard no_grad;
  std::vector<at::ScalarType> dtypes;
  for (auto parameter = parameters_.rbegin(); parameter != parameters_.rend(); ++parameter) {
    if (!TakesView(*parameter)) continue;
    if (std::find(dtypes.begin(), dtypes.end(), parameter->scalar_type()) != dtypes.end()) continue;
    dtypes.push_back(parameter->scalar_type());
  }
  for (const at::ScalarType dtype : dtypes) Allocate(dtype, session);
}

void FlatGradients::Allocate(at::ScalarType dtype, Session* session) {
  const auto step = static_cast<std::int64_t>(kAlignmentBytes / c10::elementSize(dtype));
  std::vector<std::pair<std::size_t, std::int64_t>> places;  // parameter, offset in elements
  std::int64_t count = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const at::Tensor& parameter = parameters_[i];
    if (!TakesView(parameter) || parameter.scalar_type() != dtype) continue;
    places.emplace_back(i, count);
    count += (parameter.numel() + step - 1) / step * step;
  }
  // The CPU allocator's blocks start at multiples of 64 bytes, registered memory at pages.
  const at::Tensor& buffer =
      buffers_.emplace_back(session != nullptr ? RegisteredTensor(*session, count, dtype)
                                               : at::zeros({count}, at::dtype(dtype)));
  for (const auto& [index, offset] : places) {
    const at::Tensor& parameter = parameters_[index];
    // variable_data(): a version counter of its own, so that views do not look like each other's
    // in-place changes.
    views_[index] =
        buffer.as_strided(parameter.sizes(), GradientStrides(parameter), offset).variable_data();
  }
}

bool FlatGradients::Attach(std::size_t index) {
  const at::Tensor& view = views_[index];
  const at::Tensor& parameter = parameters_[index];
  if (!view.defined()) return false;
  at::Tensor& gradient = parameter.mutable_grad();
  if (gradient.is_same(view)) return true;
  if (parameter.scalar_type() != view.scalar_type() || parameter.sizes() != view.sizes()) {
    return false;
  }
  const torch::NoGradGuard no_grad;
  if (gradient.defined()) {
    view.copy_(gradient);
  } else {
    view.zero_();
  }
  gradient = view;
  return true;
}

std::size_t FlatGradients::PaddingBytes(std::size_t index) const {
  const at::Tensor& view = views_[index];
  if (!view.defined() || !parameters_[index].grad().is_same(view)) return 0;
  const std::size_t past_end = view.nbytes() % kAlignmentBytes;
  return past_end == 0 ? 0 : kAlignmentBytes - past_end;
}

at::Tensor ZeroGradient(const at::Tensor& parameter) {
  return at::empty_strided(parameter.sizes(), GradientStrides(parameter),
                           parameter.detach().options())
      .zero_();
}

}  // namespace ronde
