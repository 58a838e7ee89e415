#include "frontends/torch/averaged_model.h"

#include <cstddef>
#include <string_view>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

// C++ Module::to(dtype) turns batch norm's counter into a floating-point buffer: it stays a
// counter.
bool IsStatistic(std::string_view name, const at::Tensor& buffer) {
  return buffer.is_floating_point() && !name.ends_with("num_batches_tracked");
}

Handle SubmitBuffer(Session& session, const std::string& name, const at::Tensor& buffer,
                    BnAtEvaluation bn) {
  const TensorView view = ToTensorView(buffer, name);
  if (bn == BnAtEvaluation::kRank0) return session.BroadcastAsync(name, view, 0);
  return session.AllreduceAsync(name, view, view);
}

std::vector<Handle> Submit(Session& session, const torch::nn::Module& module,
                           const FlatParameters& parameters, const AveragedModelOptions& options) {
  std::vector<Handle> handles;
  if (options.average_weights) {
    const std::string name = options.name + "/weights";
    const TensorView view = ToTensorView(parameters.flat(), name);
    handles.push_back(session.AllreduceAsync(name, view, view));
  }
  if (options.bn == BnAtEvaluation::kRecalibrate) return handles;
  for (const auto& [name, buffer] : NamedBuffers(module)) {
    if (!IsStatistic(name, buffer)) continue;
    handles.push_back(
        SubmitBuffer(session, StrCat(options.name, "/", name), buffer.detach(), options.bn));
  }
  return handles;
}

void WaitAll(const std::vector<Handle>& handles) {
  Status first_failure;
  for (const Handle& handle : handles) {
    const Status status = handle.Wait();
    if (!status.ok() && first_failure.ok()) first_failure = status;
  }
  ThrowIfError(first_failure);
}

}  // namespace

AveragedModel::Snapshot::Snapshot(const torch::nn::Module& module, FlatParameters& parameters)
    : parameters_(parameters) {
  const torch::NoGradGuard no_grad;
  parameters_.Reattach();
  weights_ = parameters_.flat().clone();
  buffers_ = TensorsOf(NamedBuffers(module));
  for (const at::Tensor& buffer : buffers_) buffer_values_.push_back(buffer.detach().clone());
}

AveragedModel::Snapshot::~Snapshot() {
  const torch::NoGradGuard no_grad;
  parameters_.flat().copy_(weights_);
  for (std::size_t i = 0; i < buffers_.size(); ++i) buffers_[i].detach().copy_(buffer_values_[i]);
}

AveragedModel::AveragedModel(Session& session, torch::nn::Module& module,
                             FlatParameters& parameters, const AveragedModelOptions& options)
    : snapshot_(module, parameters) {
  if (options.bn == BnAtEvaluation::kRecalibrate && !options.recalibrate) {
    throw Error(Status::InvalidArgument(
        "AveragedModel: BnAtEvaluation::kRecalibrate needs a recalibrate callback"));
  }
  WaitAll(Submit(session, module, parameters, options));
  if (options.bn == BnAtEvaluation::kRecalibrate) options.recalibrate();
}

}  // namespace ronde
