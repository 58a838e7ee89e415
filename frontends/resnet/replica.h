#pragma once

#include <cstdint>
#include <memory>

#include <torch/torch.h>

#include "frontends/resnet/data/dataset.h"
#include "frontends/resnet/models/resnet.h"
#include "frontends/resnet/options.h"
#include "frontends/session/session.h"
#include "frontends/torch/algorithms/training_algorithm.h"
#include "frontends/torch/averaged_model.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/local_workers.h"

namespace ronde {

/// This rank's model, optimizer and training algorithm, and the workers that it plays on them.
/// Thread rule: one thread.
class Replica {
 public:
  /// Collective: all workers start from rank 0's weights. `steps_before_switch` is T in steps;
  /// options.workers is a multiple of the number of ranks.
  /// Errors: Error.
  Replica(Session& session, const TrainOptions& options, const DatasetTraits& traits,
          std::int64_t steps_before_switch);

  [[nodiscard]] ResNet& model() { return model_; }
  [[nodiscard]] torch::optim::SGD& optimizer() { return *optimizer_; }
  [[nodiscard]] TrainingAlgorithm& algorithm() { return *algorithm_; }
  [[nodiscard]] LocalWorkers& workers() { return *workers_; }
  /// The number, among all workers, of this rank's first.
  [[nodiscard]] int first_worker() const { return first_worker_; }
  [[nodiscard]] FlatParameters& parameters() { return *parameters_; }
  [[nodiscard]] const FlatParameters& parameters() const { return *parameters_; }
  void SetLearningRate(double learning_rate);

 private:
  ResNet model_;
  std::unique_ptr<FlatParameters> parameters_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
  std::unique_ptr<LocalWorkers> workers_;
  int first_worker_ = 0;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
};

}  // namespace ronde
