#include "frontends/resnet/training_data.h"

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {

Result<TrainingData> LoadTrainingData(const TrainOptions& options) {
  DatasetRequest request;
  request.name = options.dataset;
  request.directory = options.data_dir;
  request.limit = options.limit_train;
  request.seed = options.seed;
  request.image_size = options.image_size;
  request.large_images = options.model != "resnet8" && options.model != "resnet20";
  TrainingData data;
  RONDE_ASSIGN_OR_RETURN(data.training, LoadDataset(request));
  request.split = Split::kValidation;
  request.limit = options.limit_validation;
  RONDE_ASSIGN_OR_RETURN(data.validation, LoadDataset(request));

  const std::int64_t largest = std::max(options.batch_size, options.local_batch_size);
  const std::int64_t batches = std::int64_t{options.workers} * options.accumulation_steps;
  if (data.training->size() / batches < largest) {
    const std::string accumulated =
        options.accumulation_steps > 1 ? StrCat(" x ", options.accumulation_steps, " batches") : "";
    return Status::InvalidArgument(
        StrCat("--batch-size: ", options.workers, " workers", accumulated, " x ", largest,
               " images are more than the training set of ", data.training->size(),
               "; use fewer workers, smaller batches or a larger --limit-train"));
  }
  return data;
}

}  // namespace ronde
