#include "frontends/torch/model_averager.h"

#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/torch/error.h"
#include "frontends/torch/momentum_buffers.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

bool SameTensors(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].is_same(b[i])) return false;
  }
  return true;
}

}  // namespace

ModelAverager::ModelAverager(Session& session, FlatParameters& parameters, AverageSchedule schedule,
                             ModelAveragerOptions options)
    : session_(session),
      parameters_(parameters),
      schedule_(schedule),
      options_(std::move(options)) {
  CheckOptions();
}

ModelAverager::ModelAverager(Session& session, const torch::nn::Module& module,
                             AverageSchedule schedule, ModelAveragerOptions options)
    : session_(session),
      owned_(std::make_unique<FlatParameters>(module)),
      parameters_(*owned_),
      schedule_(schedule),
      options_(std::move(options)) {
  CheckOptions();
}

void ModelAverager::CheckOptions() const {
  if (schedule_.period < 1) {
    throw Error(Status::InvalidArgument(StrCat("model average '", options_.name,
                                               "': the period must be at least 1, got ",
                                               schedule_.period)));
  }
  if (options_.momentum == MomentumAtAverage::kKeep) return;
  if (dynamic_cast<torch::optim::SGD*>(options_.optimizer) == nullptr) {
    throw Error(Status::InvalidArgument(
        StrCat("model average '", options_.name,
               "': resetting or averaging momentum needs a torch::optim::SGD optimizer")));
  }
}

void ModelAverager::ResetMomentum() {
  for (at::Tensor& buffer : MomentumBuffers(*options_.optimizer)) buffer.zero_();
}

// All momentum in one tensor; undefined where there is none.
at::Tensor ModelAverager::FlatMomentum() {
  if (options_.workers != nullptr) return options_.workers->momentum(options_.workers->active());
  std::vector<at::Tensor> buffers = MomentumBuffers(*options_.optimizer);
  if (buffers.empty()) return {};
  // The optimizer steps its buffers in place, so the flat buffer lasts until its state is replaced.
  if (!momentum_ || !SameTensors(momentum_->tensors(), buffers)) {
    momentum_ = std::make_unique<FlatParameters>(std::move(buffers));
  }
  momentum_->Reattach();
  return momentum_->flat();
}

Handle ModelAverager::SubmitMomentum(std::int64_t step) {
  const at::Tensor momentum = FlatMomentum();
  if (!momentum.defined()) return Handle::Completed(Status::Ok());
  const std::string name = options_.name + "/momentum";
  return session_.AverageModelAsync(name, ToTensorView(momentum, name), schedule_, step);
}

bool ModelAverager::Step(std::int64_t step) {
  if (!schedule_.Due(step)) return false;
  const torch::NoGradGuard no_grad;
  parameters_.Reattach();
  const Handle weights = session_.AverageModelAsync(
      options_.name, ToTensorView(parameters_.flat(), options_.name), schedule_, step);
  Handle momentum = Handle::Completed(Status::Ok());
  if (options_.momentum == MomentumAtAverage::kAverage) momentum = SubmitMomentum(step);
  if (options_.momentum == MomentumAtAverage::kReset) ResetMomentum();
  const at::Device place = parameters_.flat().device();
  const Status weights_status = Await(weights, place);
  const Status momentum_status = Await(momentum, place);
  ThrowIfError(weights_status);
  ThrowIfError(momentum_status);
  return true;
}

}  // namespace ronde
