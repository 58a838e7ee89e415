#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/local_workers.h"

namespace ronde {

/// What becomes of the optimizer's momentum buffers when weights are averaged.
enum class MomentumAtAverage {
  kKeep,     ///< buffers stay local
  kReset,    ///< buffers start again from zero
  kAverage,  ///< buffers are averaged like the weights
};

struct ModelAveragerOptions {
  MomentumAtAverage momentum = MomentumAtAverage::kKeep;
  /// Must be a torch::optim::SGD for kReset and kAverage; unused for kKeep.
  torch::optim::Optimizer* optimizer = nullptr;
  /// The rank's workers, made with `optimizer`: the active one is averaged. Null: the module as it
  /// is.
  LocalWorkers* workers = nullptr;
  std::string name = "model";  ///< pairs the averages across ranks
};

/// Periodic model averaging: call Step after every optimizer step.
///
/// Averages after step t exactly when `schedule.Due(t)`: every H steps counted from T, across
/// epochs, never after the first local step (unless H = 1). One operation over one flat buffer, in
/// place. Thread rule: one thread at a time.
class ModelAverager {
 public:
  /// `parameters` must outlive this. Errors: Error with kInvalidArgument for a period below 1, or
  /// a momentum option without an SGD optimizer.
  ModelAverager(Session& session, FlatParameters& parameters, AverageSchedule schedule,
                ModelAveragerOptions options = {});
  /// Flattens the parameters of `module` first.
  ModelAverager(Session& session, const torch::nn::Module& module, AverageSchedule schedule,
                ModelAveragerOptions options = {});

  /// To be called on all ranks with the same `step`, counted from 1. Blocks until averaged, or, of
  /// CUDA tensors, until the average has been issued before the current stream's next work; returns
  /// whether it was due. Errors: Error with kMismatch where ranks disagree on schedule or step.
  bool Step(std::int64_t step);

  [[nodiscard]] const AverageSchedule& schedule() const { return schedule_; }

 private:
  void CheckOptions() const;
  void ResetMomentum();
  at::Tensor FlatMomentum();
  Handle SubmitMomentum(std::int64_t step);

  Session& session_;
  std::unique_ptr<FlatParameters> owned_;
  FlatParameters& parameters_;
  AverageSchedule schedule_;
  ModelAveragerOptions options_;
  std::unique_ptr<FlatParameters> momentum_;  // made at the first average of momenta
};

}  // namespace ronde
