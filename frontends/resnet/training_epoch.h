#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/clock.h"
#include "frontends/resnet/compute_place.h"
#include "frontends/resnet/compute_stand_in.h"
#include "frontends/resnet/data/batch_loader.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/resnet/metrics.h"
#include "frontends/resnet/progress.h"
#include "frontends/resnet/replica.h"
#include "frontends/resnet/schedule.h"

namespace ronde {

/// What one epoch of training on this rank works with.
struct EpochContext {
  Session& session;
  Replica& replica;
  const Dataset& dataset;
  const LearningRateSchedule& schedule;
  Progress& progress;
  const Clock& clock;
  const ComputePlace& place;
  int accumulation_steps = 1;          ///< batches per worker and step
  bool in_bf16 = false;                ///< forward pass and loss
  ComputeStandIn* stand_in = nullptr;  ///< computes in place of the model, if any
  /// Called after each step; what it does counts in no figure. Says whether to go on. The epoch's
  /// progress is up to date, on a device after a call of `settle`, which waits for it.
  std::function<bool(const std::function<void()>& settle)> after_step;
};

/// The figures of an epoch's steps on this rank.
struct EpochFigures {
  explicit EpochFigures(int workers) : by_worker(static_cast<std::size_t>(workers)) {}

  std::vector<MetricSums> by_worker;  ///< by this rank's worker
  std::vector<double> divergences;    ///< one per average of the weights
};

/// How far an epoch has come on this rank.
struct EpochProgress {
  explicit EpochProgress(int workers) : figures(workers) {}

  EpochRecord record;
  EpochFigures figures;
  std::int64_t steps_done = 0;
};

/// Trains what is left of an epoch on the images of this rank's workers, all of the epoch's,
/// interleaved as TrainingSampler::Shard does, in `batch_size` pieces; `first_step` is the number
/// of steps before the epoch. Fills in the record's learning rate and adds to its seconds and
/// synchronisations, and to the figures.
/// Errors: Error; a loss that is not finite is kAborted and names rank, step, worker and tensor. It
/// is found before anything of its step is sent to other ranks or changes the weights, on a device
/// too, where the host learns of it while the backward pass goes on.
void TrainEpoch(const EpochContext& context, const std::vector<std::int64_t>& images,
                std::int64_t batch_size, const AugmentationSeed& augmentation,
                std::int64_t first_step, EpochProgress& progress);

}  // namespace ronde
