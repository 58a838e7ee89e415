#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ronde {

/// Where an epoch's seconds went on this rank. Together they are the epoch's seconds.
struct StepSeconds {
  double data = 0;     ///< waiting for the next batch
  double forward = 0;  ///< forward pass, loss and its figures
  double backward = 0;
  double optimizer = 0;
  double communication = 0;  ///< exposed: compute waiting for other ranks

  StepSeconds& operator+=(const StepSeconds& other) {
    data += other.data;
    forward += other.forward;
    backward += other.backward;
    optimizer += other.optimizer;
    communication += other.communication;
    return *this;
  }
};

/// One epoch's own figures (not cumulative): a row of the log. Times and bytes are this rank's,
/// losses and accuracies (fractions) those of all workers together.
struct EpochRecord {
  int epoch = 0;  ///< from 1
  std::string algorithm;
  std::string phase;  ///< "minibatch" or "local"
  int workers = 1;
  std::string precision = "fp32";  ///< of the forward pass; weights are always fp32
  int local_steps = 1;             ///< H in the local phase, 1 in the minibatch phase
  double learning_rate = 0;        ///< of the epoch's last step
  std::int64_t steps = 0;
  std::optional<double> train_loss;  ///< empty where a stand-in computed
  std::optional<double> train_top1;
  std::optional<double> validation_loss;  ///< empty where the epoch was not evaluated
  std::optional<double> validation_top1;
  std::optional<double> validation_top5;  ///< empty also where there are 5 classes or fewer
  /// By label; empty for a class without validation images.
  std::vector<std::optional<double>> validation_per_class;
  double images_per_second = 0;  ///< of all workers
  double seconds = 0;            ///< training only
  StepSeconds parts;
  double seconds_communication_total = 0;  ///< with what overlaps with compute
  double seconds_evaluation = 0;
  std::uint64_t bytes_communicated = 0;  ///< payload handed to training collectives
  std::uint64_t bytes_on_wire = 0;       ///< sent to peers while training
  std::uint64_t bytes_evaluation = 0;    ///< payload of evaluation, also of the summed figures
  std::int64_t synchronizations = 0;     ///< averages of gradients or weights
  /// ||w - mean(w)|| / ||mean(w)||, mean over the epoch's averages and over workers; empty where
  /// weights were not averaged.
  std::optional<double> worker_divergence;
};

}  // namespace ronde
