#pragma once

#include <functional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "frontends/session/session.h"
#include "frontends/torch/flat_parameters.h"

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
  /// For kRecalibrate: runs the averaged model over training data; called inside the scope.
  std::function<void()> recalibrate;
  std::string name = "evaluation";  ///< precedes the operations' names
};

/// The averaged model, for as long as this scope lives: for evaluation and for saving.
///
/// The constructor (collective, blocking) saves this rank's weights and buffers, then averages the
/// weights and treats floating-point buffers as `options.bn` says. Counters (integer buffers, and
/// num_batches_tracked of any type) are never exchanged. The destructor puts weights and all
/// buffers back bit for bit, so training goes on as if nothing had been. Errors: Error, with
/// everything restored.
class AveragedModel {
 public:
  AveragedModel(Session& session, torch::nn::Module& module, FlatParameters& parameters,
                const AveragedModelOptions& options = {});

 private:
  /// Copies of weights and buffers; writes them back when destroyed.
  class Snapshot {
   public:
    Snapshot(const torch::nn::Module& module, FlatParameters& parameters);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    FlatParameters& parameters_;
    at::Tensor weights_;
    std::vector<at::Tensor> buffers_;
    std::vector<at::Tensor> buffer_values_;
  };

  Snapshot snapshot_;
};

}  // namespace ronde
