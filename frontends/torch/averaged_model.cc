#include "frontends/torch/averaged_model.h"

#include <utility>
#include <vector>

#include "frontends/torch/error.h"
#include "frontends/torch/local_average.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

Handle SubmitAverage(Session& session, const std::string& name, const at::Tensor& inout) {
  const TensorView view = ToTensorView(inout, name);
  return session.AllreduceAsync(name, view, view);
}

void WaitAll(const std::vector<Handle>& handles, at::Device place) {
  Status first_failure;
  for (const Handle& handle : handles) {
    const Status status = Await(handle, place);
    if (!status.ok() && first_failure.ok()) first_failure = status;
  }
  ThrowIfError(first_failure);
}

}  // namespace

AveragedModel::AveragedModel(Session& session, LocalWorkers& workers,
                             const AveragedModelOptions& options)
    : scratch_(workers) {
  Average(session, workers, options);
}

AveragedModel::AveragedModel(Session& session, torch::nn::Module& module,
                             FlatParameters& parameters, const AveragedModelOptions& options)
    : owned_workers_(std::make_unique<LocalWorkers>(module, parameters, 1)),
      scratch_(*owned_workers_) {
  Average(session, *owned_workers_, options);
}

void AveragedModel::Average(Session& session, const LocalWorkers& workers,
                            const AveragedModelOptions& options) {
  if (options.bn == BnAtEvaluation::kRecalibrate && !options.recalibrate) {
    throw Error(Status::InvalidArgument(
        "AveragedModel: BnAtEvaluation::kRecalibrate needs a recalibrate callback"));
  }
  const torch::NoGradGuard no_grad;
  const at::Device place = scratch_.weights().device();
  std::vector<Handle> handles;
  if (options.average_weights) {
    TreeSum sum;
    scratch_.weights().copy_(MeanOverWorkers(workers, &LocalWorkers::weights, sum));
    handles.push_back(SubmitAverage(session, options.name + "/weights", scratch_.weights()));
  }
  if (options.bn == BnAtEvaluation::kRecalibrate) {
    WaitAll(std::exchange(handles, {}), place);
    Recalibrate(workers.count(), options);
  }
  if (scratch_.statistics().defined())
    handles.push_back(SubmitStatistics(session, workers, options));
  WaitAll(handles, place);
}

void AveragedModel::Recalibrate(int workers, const AveragedModelOptions& options) {
  const at::Tensor& statistics = scratch_.statistics();
  TreeSum sum;
  for (int worker = 0; worker < workers; ++worker) {
    options.recalibrate(worker);
    if (statistics.defined()) sum.Add(statistics);
  }
  if (statistics.defined()) statistics.copy_(sum.Finish().mul_(1.0 / workers));
}

Handle AveragedModel::SubmitStatistics(Session& session, const LocalWorkers& workers,
                                       const AveragedModelOptions& options) {
  const std::string name = options.name + "/statistics";
  const at::Tensor& statistics = scratch_.statistics();
  if (options.bn == BnAtEvaluation::kRank0) {
    return session.BroadcastAsync(name, ToTensorView(statistics, name), 0);
  }
  if (options.bn == BnAtEvaluation::kAverage) {
    TreeSum sum;
    statistics.copy_(MeanOverWorkers(workers, &LocalWorkers::statistics, sum));
  }
  return SubmitAverage(session, name, statistics);
}

}  // namespace ronde
