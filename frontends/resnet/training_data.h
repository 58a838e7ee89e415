#pragma once

#include <memory>

#include "core/base/status.h"
#include "frontends/resnet/data/dataset.h"
#include "frontends/resnet/options.h"

namespace ronde {

/// Both splits of the data set of a run.
struct TrainingData {
  std::unique_ptr<Dataset> training;
  std::unique_ptr<Dataset> validation;
};

/// Errors: as LoadDataset; kInvalidArgument where the training images do not fill one step of all
/// workers.
[[nodiscard]] Result<TrainingData> LoadTrainingData(const TrainOptions& options);

}  // namespace ronde
