#pragma once

#include <functional>
#include <memory>
#include <string>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/local_workers.h"

namespace ronde {

/// Which batch-norm running statistics the evaluated model has; they stay local while training.
enum class BnAtEvaluation {
  kAverage,      ///< the mean over ranks
  kRank0,        ///< those of rank 0
  kRecalibrate,  ///< computed anew for the averaged weights, by the caller's callback
};

struct AveragedModelOptions {
  BnAtEvaluation bn = BnAtEvaluation::kAverage;
  /// False where weights agree already (minibatch phase): only buffers are exchanged.
  bool average_weights = true;
  /// For kRecalibrate, called inside the scope for each of this rank's workers: makes the module's
  /// statistics those of the averaged weights on that worker's data. Their mean over all workers of
  /// all ranks is what the model has.
  std::function<void(int worker)> recalibrate;
  std::string name = "evaluation";  ///< precedes the operations' names
};

/// The averaged model, for as long as this scope lives: for evaluation and for saving.
///
/// The constructor (collective, blocking) points the module at a copy of its weights and buffers,
/// then averages those weights over all workers of all ranks and treats floating-point buffers as
/// `options.bn` says. Counters (integer buffers, and num_batches_tracked of any type) are never
/// exchanged. The destructor points the module back, so training goes on as if nothing had been.
/// Errors: Error, with everything restored.
class AveragedModel {
 public:
  AveragedModel(Session& session, LocalWorkers& workers, const AveragedModelOptions& options = {});
  /// One worker, which is `module` as it is.
  AveragedModel(Session& session, torch::nn::Module& module, FlatParameters& parameters,
                const AveragedModelOptions& options = {});

 private:
  void Average(Session& session, const LocalWorkers& workers, const AveragedModelOptions& options);
  void Recalibrate(int workers, const AveragedModelOptions& options);
  Handle SubmitStatistics(Session& session, const LocalWorkers& workers,
                          const AveragedModelOptions& options);

  std::unique_ptr<LocalWorkers> owned_workers_;
  LocalWorkers::ScratchScope scratch_;
};

}  // namespace ronde
