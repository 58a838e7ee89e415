#include "frontends/torch/flat_parameters.h"

#include <cstddef>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"
#include "frontends/torch/registered_tensor.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

void Check(const at::Tensor& tensor, std::size_t index, const at::Tensor& first) {
  if (!tensor.defined() || tensor.layout() != at::kStrided ||
      !(tensor.device().is_cpu() || tensor.device().is_cuda())) {
    throw Error(Status::InvalidArgument(
        StrCat("FlatParameters: tensor ", index, " is not a strided CPU or CUDA tensor")));
  }
  if (tensor.device() != first.device()) {
    throw Error(Status::InvalidArgument(StrCat("FlatParameters: tensor ", index, " is on ",
                                               tensor.device().str(), ", the first on ",
                                               first.device().str(), "; use one per device")));
  }
  if (tensor.scalar_type() != first.scalar_type()) {
    throw Error(Status::InvalidArgument(
        StrCat("FlatParameters: tensor ", index, " has dtype ", at::toString(tensor.scalar_type()),
               ", the first has ", at::toString(first.scalar_type()), "; use one per dtype")));
  }
}

// Strides that the tensor has inside the buffer: its own, or rows where those leave gaps.
std::vector<std::int64_t> DenseStrides(const at::Tensor& tensor) {
  if (tensor.is_non_overlapping_and_dense()) return tensor.strides().vec();
  return at::empty(tensor.sizes(), tensor.options().device(at::kMeta)).strides().vec();
}

}  // namespace

FlatParameters::FlatParameters(std::vector<at::Tensor> tensors, Session* session)
    : tensors_(std::move(tensors)) {
  if (tensors_.empty()) {
    throw Error(Status::InvalidArgument("FlatParameters: there is no tensor to flatten"));
  }
  std::int64_t count = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    Check(tensors_[i], i, tensors_.front());
    offsets_.push_back(count);
    count += tensors_[i].numel();
  }
  const at::Tensor& first = tensors_.front();
  const at::ScalarType dtype = first.scalar_type();
  flat_ = session != nullptr ? RegisteredTensor(*session, count, dtype, first.device())
                             : at::empty({count}, at::dtype(dtype).device(first.device()));
  for (std::size_t i = 0; i < tensors_.size(); ++i) Attach(i);
}

FlatParameters::FlatParameters(const torch::nn::Module& module, Session* session)
    : FlatParameters(TensorsOf(NamedParameters(module)), session) {}

bool FlatParameters::IsAttached(std::size_t index) const {
  const at::Tensor& tensor = tensors_[index];
  return tensor.storage().is_alias_of(flat_.storage()) && tensor.device() == flat_.device() &&
         tensor.scalar_type() == flat_.scalar_type() &&
         tensor.storage_offset() == offsets_[index] && tensor.is_non_overlapping_and_dense();
}

bool FlatParameters::attached() const {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!IsAttached(i)) return false;
  }
  return true;
}

void FlatParameters::Attach(std::size_t index) {
  const torch::NoGradGuard no_grad;
  at::Tensor& tensor = tensors_[index];
  at::Tensor view = flat_.as_strided(tensor.sizes(), DenseStrides(tensor), offsets_[index]);
  view.copy_(tensor.detach());
  tensor.set_data(view);
}

FlatParameters::Binding FlatParameters::MakeBinding(const at::Tensor& flat) const {
  if (flat.dim() != 1 || flat.numel() != count() || !flat.is_contiguous() ||
      flat.scalar_type() != flat_.scalar_type() || flat.device() != flat_.device()) {
    throw Error(Status::InvalidArgument(StrCat(
        "FlatParameters: expected a contiguous 1-D buffer of ", count(), " elements of ",
        at::toString(flat_.scalar_type()), " on ", flat_.device().str(), ", got ", flat.numel(),
        " of ", at::toString(flat.scalar_type()), " on ", flat.device().str())));
  }
  Binding binding{flat, {}};
  binding.views.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    binding.views.push_back(
        flat.as_strided(tensors_[i].sizes(), DenseStrides(tensors_[i]), offsets_[i]));
  }
  return binding;
}

void FlatParameters::Bind(const Binding& binding) {
  const torch::NoGradGuard no_grad;
  flat_ = binding.flat;
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].set_data(binding.views[i]);
}

void FlatParameters::Reattach() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (IsAttached(i)) continue;
    Check(tensors_[i], i, flat_);
    Attach(i);
  }
}

}  // namespace ronde
