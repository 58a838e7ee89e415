#pragma once

#include <cstdint>

#include "core/base/clock.h"
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
  bool in_bf16 = false;  ///< forward pass and loss
};

/// Trains one epoch on this rank's images, in `batch_size` pieces; `first_step` is the number of
/// steps before. Fills in the record's epoch, steps, learning rate, seconds, synchronisations and
/// this rank's divergence, and adds this rank's figures to `sums`.
/// Errors: Error; a loss that is not finite is kAborted and names rank, step, worker and tensor.
void TrainEpoch(const EpochContext& context, const std::vector<std::int64_t>& images,
                std::int64_t batch_size, const AugmentationSeed& augmentation,
                std::int64_t first_step, EpochRecord& record, MetricSums& sums);

}  // namespace ronde
