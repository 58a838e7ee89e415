#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/base/config.h"
#include "core/base/status.h"
#include "frontends/resnet/checkpoint/checkpoint_options.h"

namespace ronde {

/// A training algorithm's name and the flags that have a meaning for it. This file knows nothing
/// of libtorch, so the table of algorithms is handed in.
struct AlgorithmFlags {
  std::string name;
  bool local_steps = false;
  bool switch_epoch = false;
  bool momentum_at_average = false;
  bool slow_momentum = false;
};

/// The command line of ronde-train, checked and with every default filled in.
struct TrainOptions {
  std::string algorithm = "minibatch";
  int local_steps = 4;    ///< H
  int switch_epoch = -1;  ///< T, completed minibatch epochs; default min(first milestone, epochs)
  std::string momentum_at_average = "keep";
  std::string bn_at_evaluation = "average";
  double slow_momentum = 0.5;
  double slow_lr = 1;
  int workers = 0;             ///< K; 0 until CompleteForRanks: one per rank
  bool deterministic = false;  ///< the same bits whatever the number of ranks
  double local_learning_rate_scale = 1;
  int local_batch_size = 0;  ///< default: batch_size

  std::string model = "resnet20";
  int width = 16;
  std::string dataset = "fashion-mnist";
  std::string data_dir;
  int image_size = 32;  ///< of imagefolder
  std::int64_t limit_train = 0;
  std::int64_t limit_validation = 0;

  int epochs = 90;
  int batch_size = 32;
  int accumulation_steps = 1;  ///< batches per worker and optimizer step
  std::string schedule = "step";
  std::vector<int> milestones = {30, 60, 80};
  int warmup_epochs = 5;
  double reference_lr = 0.1;
  double momentum = 0.9;
  std::string momentum_form = "torch";
  double weight_decay = 1e-4;
  bool weight_decay_bn = true;
  double grad_clip_norm = 0;  ///< 0: gradients are not clipped
  std::uint64_t seed = 1;

  int threads = 0;  ///< 0: cores of the host / ranks on it
  std::string device = "cpu";
  std::string precision = "fp32";
  bool tf32 = false;           ///< of cuda: products of fp32 values in TF32
  double compute_time_ms = 0;  ///< above 0: a stand-in of this length computes
  std::string log_json;
  std::string plot;
  std::string save;
  std::string init_weights;
  std::string progress = "auto";
  int evaluate_every = 1;

  CheckpointOptions checkpoint;

  Config config;  ///< the engine's settings

  /// Nothing is learnt: time is spent in place of forward and backward pass.
  [[nodiscard]] bool has_stand_in() const { return compute_time_ms > 0; }
};

/// Reads the command line and the environment before MPI is initialised. Gives an exit code where
/// the program should end now: 0 after --help or --version, 2 after bad input, which rank 0 has
/// said in one line.
[[nodiscard]] std::variant<TrainOptions, int> ParseTrainOptions(
    int argc, char** argv, std::span<const AlgorithmFlags> algorithms);

}  // namespace ronde
