#include "frontends/torch/flat_gradients.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <ATen/ops/_foreach_copy.h>

#include "frontends/torch/registered_tensor.h"

namespace ronde {
namespace {

bool TakesView(const at::Tensor& parameter) {
  return parameter.requires_grad() && parameter.layout() == at::kStrided &&
         (parameter.device().is_cpu() || parameter.device().is_cuda());
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
  std::vector<Kind> kinds;
  for (auto parameter = parameters_.rbegin(); parameter != parameters_.rend(); ++parameter) {
    if (!TakesView(*parameter)) continue;
    const Kind kind(parameter->scalar_type(), parameter->device());
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  for (const Kind& kind : kinds) Allocate(kind, session);
}

void FlatGradients::Allocate(const Kind& kind, Session* session) {
  const auto& [dtype, place] = kind;
  const auto step = static_cast<std::int64_t>(kAlignmentBytes / c10::elementSize(dtype));
  std::vector<std::pair<std::size_t, std::int64_t>> places;  // parameter, offset in elements
  std::int64_t count = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const at::Tensor& parameter = parameters_[i];
    if (!TakesView(parameter) || Kind(parameter.scalar_type(), parameter.device()) != kind) {
      continue;
    }
    places.emplace_back(i, count);
    count += (parameter.numel() + step - 1) / step * step;
  }
  // The CPU allocator's blocks start at multiples of 64 bytes, registered memory at pages.
  const at::Tensor& buffer = buffers_.emplace_back(
      session != nullptr ? RegisteredTensor(*session, count, dtype, place)
                         : at::zeros({count}, at::dtype(dtype).device(place)));
  for (const auto& [index, offset] : places) {
    const at::Tensor& parameter = parameters_[index];
    // variable_data(): a version counter of its own, so that views do not look like each other's
    // in-place changes.
    views_[index] =
        buffer.as_strided(parameter.sizes(), GradientStrides(parameter), offset).variable_data();
  }
}

bool FlatGradients::Attach(std::size_t index) { return Attach({&index, 1}); }

bool FlatGradients::Attach(std::span<const std::size_t> indices) {
  const torch::NoGradGuard no_grad;
  bool all = true;
  std::vector<at::Tensor> targets;
  std::vector<at::Tensor> sources;
  for (const std::size_t index : indices) {
    const at::Tensor& view = views_[index];
    const at::Tensor& parameter = parameters_[index];
    if (!view.defined() || parameter.scalar_type() != view.scalar_type() ||
        parameter.sizes() != view.sizes() || parameter.device() != view.device()) {
      all = false;
      continue;
    }
    at::Tensor& gradient = parameter.mutable_grad();
    if (gradient.is_same(view)) continue;
    if (gradient.defined()) {
      targets.push_back(view);
      sources.push_back(std::move(gradient));
    } else {
      view.zero_();
    }
    gradient = view;
  }
  if (!targets.empty()) at::_foreach_copy_(targets, sources);
  return all;
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
