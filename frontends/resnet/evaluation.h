#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "frontends/resnet/compute_place.h"
#include "frontends/resnet/data/dataset.h"
#include "frontends/resnet/metrics.h"
#include "frontends/resnet/replica.h"

namespace ronde {

/// The training images of one of this rank's workers, numbered from 0.
using ImagesOf = std::function<std::vector<std::int64_t>(int worker)>;

/// The averaged model of all workers, for as long as it is needed: to evaluate or to save it.
/// Training goes on afterwards as if nothing had been.
class Evaluation {
 public:
  /// Collective. `weights_agree`: minibatch phase, where only batch norm's statistics differ.
  /// `calibration` is asked for images for --bn-at-evaluation recalibrate.
  /// Errors: Error.
  Evaluation(Session& session, Replica& replica, const TrainOptions& options,
             const ComputePlace& place, const Dataset& training, const ImagesOf& calibration,
             bool weights_agree);
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  /// Collective: every validation image once, over all ranks; the figures do not depend on how
  /// many there are. Errors: Error.
  [[nodiscard]] ValidationSums Run(const Dataset& validation);

 private:
  // Makes the model's statistics those of one worker's first images.
  void Recalibrate(const Dataset& training, std::vector<std::int64_t> images);

  Session& session_;
  Replica& replica_;
  const ComputePlace& place_;
  std::int64_t batch_size_;
  int all_workers_;
  AveragedModel averaged_;
};

}  // namespace ronde
