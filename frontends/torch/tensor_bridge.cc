#include "frontends/torch/tensor_bridge.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "core/base/strcat.h"
#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

NamedTensors ToNamedTensors(const torch::OrderedDict<std::string, at::Tensor>& dictionary) {
  NamedTensors named;
  named.reserve(dictionary.size());
  for (const auto& item : dictionary) named.emplace_back(item.key(), item.value());
  return named;
}

Shape ShapeInMemoryOrder(const at::Tensor& tensor) {
  std::vector<std::int64_t> order(tensor.dim());
  std::iota(order.begin(), order.end(), 0);
  // A dimension of extent 1 has an arbitrary stride: it must not move the others.
  if (!tensor.is_contiguous()) {
    std::stable_sort(order.begin(), order.end(), [&tensor](std::int64_t a, std::int64_t b) {
      return tensor.stride(a) > tensor.stride(b);
    });
  }
  Shape shape;
  shape.reserve(order.size());
  for (const std::int64_t dimension : order) shape.push_back(tensor.size(dimension));
  return shape;
}

[[noreturn]] void Reject(std::string_view name, const std::string& what) {
  throw Error(Status::InvalidArgument(StrCat("tensor '", name, "' ", what)));
}

}  // namespace

NamedTensors NamedParameters(const torch::nn::Module& module) {
  return ToNamedTensors(module.named_parameters());
}

NamedTensors NamedBuffers(const torch::nn::Module& module) {
  return ToNamedTensors(module.named_buffers());
}

std::vector<at::Tensor> TensorsOf(const NamedTensors& named) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(named.size());
  for (const auto& [name, tensor] : named) tensors.push_back(tensor);
  return tensors;
}

std::optional<DataType> ToDataType(at::ScalarType type) {
  switch (type) {
    case at::kHalf:
      return DataType::kFloat16;
    case at::kBFloat16:
      return DataType::kBFloat16;
    case at::kFloat:
      return DataType::kFloat32;
    case at::kDouble:
      return DataType::kFloat64;
    case at::kInt:
      return DataType::kInt32;
    case at::kLong:
      return DataType::kInt64;
    case at::kByte:
      return DataType::kUInt8;
    default:
      return std::nullopt;
  }
}

TensorView LendMemory(const at::Tensor& tensor, std::string_view name) {
  if (!tensor.defined()) Reject(name, "is undefined");
  if (!tensor.device().is_cpu() && !tensor.device().is_cuda()) {
    Reject(name, StrCat("is on ", tensor.device().str(),
                        "; only CPU and CUDA tensors can be communicated"));
  }
  if (tensor.layout() != at::kStrided) Reject(name, "is not a strided (dense) tensor");
  if (!tensor.is_non_overlapping_and_dense()) {
    Reject(name, StrCat("of shape ", ToString(tensor.sizes().vec()), " and strides ",
                        ToString(tensor.strides().vec()),
                        " has gaps or overlaps; pass tensor.contiguous()"));
  }
  const std::optional<DataType> dtype = ToDataType(tensor.scalar_type());
  if (!dtype) {
    Reject(name, StrCat("has dtype ", at::toString(tensor.scalar_type()),
                        "; accepted are float16, bfloat16, float32, float64, int32, int64, uint8"));
  }
  TensorView view(tensor.data_ptr(), *dtype, ShapeInMemoryOrder(tensor));
  if (tensor.device().is_cuda()) view.device = &DeviceOf(tensor.device()).device();
  return view;
}

void SetReady(std::span<TensorView> views, at::Device place) {
  if (!place.is_cuda()) return;
  const std::shared_ptr<const Event> ready = DeviceOf(place).RecordEvent();
  for (TensorView& view : views) view.ready = ready;
}

TensorView ToTensorView(const at::Tensor& tensor, std::string_view name) {
  TensorView view = LendMemory(tensor, name);
  SetReady({&view, 1}, tensor.device());
  return view;
}

Status Await(const Handle& handle, at::Device place) {
  return place.is_cuda() ? handle.WaitOn(DeviceOf(place).CurrentStream()) : handle.Wait();
}

}  // namespace ronde
