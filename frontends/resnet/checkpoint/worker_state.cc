#include "frontends/resnet/checkpoint/worker_state.h"

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/printable.h"
#include "frontends/resnet/weights/safetensors.h"
#include "frontends/torch/momentum_buffers.h"

namespace ronde {
namespace {

// The parameters in the order of MomentumBuffers().
std::vector<at::Tensor> WithMomentum(const torch::optim::SGD& optimizer) {
  std::vector<at::Tensor> parameters;
  for (const torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    if (static_cast<const torch::optim::SGDOptions&>(group.options()).momentum() == 0) continue;
    parameters.insert(parameters.end(), group.params().begin(), group.params().end());
  }
  return parameters;
}

Status CheckLike(const std::string& name, const at::Tensor& read, const at::Tensor& expected) {
  if (read.scalar_type() == expected.scalar_type() && read.sizes() == expected.sizes()) {
    return Status::Ok();
  }
  return Status::InvalidArgument(StrCat("tensor ", Printable(name), " is ", read.scalar_type(), " ",
                                        read.sizes(), ", expected ", expected.scalar_type(), " ",
                                        expected.sizes()));
}

}  // namespace

NamedTensors WorkerState(const torch::nn::Module& module, torch::optim::SGD& optimizer) {
  NamedTensors state;
  std::map<const void*, std::string> names;
  for (const auto& [name, parameter] : NamedParameters(module)) {
    names[parameter.unsafeGetTensorImpl()] = name;
    state.emplace_back("weights." + name, parameter.detach());
  }
  const std::vector<at::Tensor> parameters = WithMomentum(optimizer);
  const std::vector<at::Tensor> buffers = MomentumBuffers(optimizer);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const std::string& name = names[parameters[i].unsafeGetTensorImpl()];
    state.emplace_back("momentum." + name, buffers[i].detach());
  }
  for (const auto& [name, buffer] : NamedBuffers(module)) {
    state.emplace_back("buffers." + name, buffer.detach());
  }
  return state;
}

Status WriteState(const NamedTensors& state, const std::string& path) {
  return WriteSafetensors({state, {}}, path);
}

Status ReadState(const std::string& path, const NamedTensors& state) {
  RONDE_ASSIGN_OR_RETURN(const TensorFile file, ReadSafetensors(path));
  const auto bad = [&path](const std::string& what) {
    return Status::InvalidArgument(StrCat(path, ": ", what, "; it is of another model"));
  };
  std::map<std::string, at::Tensor> read(file.tensors.begin(), file.tensors.end());
  for (const auto& [name, tensor] : state) {
    const auto found = read.find(name);
    if (found == read.end()) return bad(StrCat("tensor ", Printable(name), " is missing"));
    const Status like = CheckLike(name, found->second, tensor);
    if (!like.ok()) return bad(like.message());
  }
  if (read.size() != state.size()) {
    return bad(StrCat(read.size(), " tensors, expected ", state.size()));
  }
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state) tensor.copy_(read.at(name));
  return Status::Ok();
}

}  // namespace ronde
