#pragma once

#include <cstdint>
#include <functional>
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
  /// options.workers is a multiple of the number of ranks. The model lives on `place`; its initial
  /// weights do not depend on where that is.
  /// Errors: Error.
  Replica(Session& session, const TrainOptions& options, const DatasetTraits& traits,
          std::int64_t steps_before_switch, at::Device place = at::kCPU);

  [[nodiscard]] ResNet& model() { return model_; }
  [[nodiscard]] torch::optim::SGD& optimizer() { return *optimizer_; }
  [[nodiscard]] TrainingAlgorithm& algorithm() { return *algorithm_; }
  [[nodiscard]] LocalWorkers& workers() { return *workers_; }
  /// The number, among all workers, of this rank's first.
  [[nodiscard]] int first_worker() const { return first_worker_; }
  [[nodiscard]] FlatParameters& parameters() { return *parameters_; }
  [[nodiscard]] const FlatParameters& parameters() const { return *parameters_; }
  void SetLearningRate(double learning_rate);

  /// What the algorithm calls during steps (see TrainingContext); empty functions are left out. To
  /// be set between steps.
  struct Observers {
    std::function<void()> before_sending;
    std::function<void(StepPart)> after_part;
  };
  [[nodiscard]] Observers& observers() { return *observers_; }

 private:
  std::unique_ptr<Observers> observers_ = std::make_unique<Observers>();
  ResNet model_;
  std::unique_ptr<FlatParameters> parameters_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
  std::unique_ptr<LocalWorkers> workers_;
  int first_worker_ = 0;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
};

}  // namespace ronde
